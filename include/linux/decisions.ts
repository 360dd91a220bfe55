import type {RevisionName} from './revision.ts';
import type {Machine} from './machine.ts';

/** How we know: L the letter of 2013, P the posting of 2014-10, K recorded from a running kernel, I inferred (from the base kernel's source, too). */
export type Letter = 'L' | 'P' | 'K' | 'I';

/** Why the model answered an error or a signal, or took a path that the patch introduced. */
export interface Decision {
	/** One sentence. */
	readonly why: string;
	/** `file:function()` in the kernel. */
	readonly source: string;
	/** One letter, or one for each posting; null where a posting has no such decision. */
	readonly letter: Letter | Readonly<Record<RevisionName, Letter | null>>;
	/** Why no trace can take it, where that is so. */
	readonly unreachable?: string;
}

const patch = {'2013-05': 'I', '2014-10': 'P'} as const;
const letter = {'2013-05': 'L', '2014-10': 'P'} as const;
const only2014 = {'2013-05': null, '2014-10': 'P'} as const;
const race = 'needs another task to run in the middle of the call, and in a trace tasks take turns';

/** Every decision by its stable name, in the order of the kernel's files. */
export const decisions = {
	// the patch: mm/fremap.c
	rap_not_built_in: {why: 'remap_anon_pages is not configured, so sys_ni_syscall answers', source: 'kernel/sys_ni.c:sys_ni_syscall()', letter: {'2013-05': 'L', '2014-10': 'P'}},
	rap_src_unaligned: {why: 'the source address is not page-aligned', source: 'mm/fremap.c:remap_anon_pages()', letter: only2014},
	rap_dst_unaligned: {why: 'the destination address is not page-aligned', source: 'mm/fremap.c:remap_anon_pages()', letter: only2014},
	rap_len_unaligned: {why: 'the length is not a multiple of the page size', source: 'mm/fremap.c:remap_anon_pages()', letter: only2014},
	rap_rounded_down: {why: 'unaligned addresses or length are rounded down, as remap_file_pages does', source: 'mm/fremap.c:remap_anon_pages()', letter: {'2013-05': 'I', '2014-10': null}},
	rap_unknown_flags: {why: 'a flag other than RAP_ALLOW_SRC_HOLES is set', source: 'mm/fremap.c:remap_anon_pages()', letter: only2014},
	rap_src_wraps: {why: 'the length is zero, or the source range wraps around', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_dst_wraps: {why: 'the destination range wraps around', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_src_no_vma: {why: 'the source is above every vma', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_src_vma_shared: {why: 'the vma of the source is shared', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_src_outside_vma: {why: 'the source is not inside one vma', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_dst_no_vma: {why: 'the destination is above every vma', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_dst_vma_shared: {why: 'the vma of the destination is shared', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_dst_outside_vma: {why: 'the destination is not inside one vma', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_prot_differs: {why: 'vm_page_prot of source and destination differ (which read-only and private writable do not on x86)', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_mlock_differs: {why: 'one side is mlocked and the other is not', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_no_anon_vma: {why: 'no anon_vma could be allocated for the destination', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_src_no_pmd: {why: 'mm_find_pmd finds no page table at the source, which the call takes for a hole', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_src_no_pmd_allowed: {why: 'no page table at the source is an allowed hole: a pmd is made for it', source: 'mm/fremap.c:remap_anon_pages()', letter: only2014},
	rap_src_pmd_nomem: {why: 'no memory for a page table of the source', source: 'mm/fremap.c:mm_alloc_pmd()', letter: only2014},
	rap_dst_pmd_nomem: {why: 'no memory for a page table of the destination', source: 'mm/fremap.c:mm_alloc_pmd()', letter: patch},
	rap_src_pmd_none: {why: 'the pmd of the source is empty', source: 'mm/fremap.c:remap_anon_pages()', letter: patch, unreachable: `mm_find_pmd has answered NULL for an empty pmd already: ${race}`},
	rap_src_pte_nomem: {why: 'no memory for the pte table of the source', source: 'mm/fremap.c:remap_anon_pages()', letter: only2014},
	rap_dst_pte_nomem: {why: 'no memory for the pte table of the destination', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_src_pmd_unstable: {why: 'the pmd of the source changed while the mmap_sem was held for reading', source: 'mm/fremap.c:remap_anon_pages()', letter: patch, unreachable: race},
	rap_dst_pmd_became_huge: {why: 'a huge page came up at the destination in the meantime', source: 'mm/fremap.c:remap_anon_pages()', letter: patch, unreachable: race},
	rap_dst_mapped: {why: 'the destination is already mapped', source: 'mm/fremap.c:remap_anon_pages_pte()', letter},
	rap_src_hole: {why: 'the source has a hole', source: 'mm/fremap.c:remap_anon_pages_pte()', letter},
	rap_src_hole_allowed: {why: 'a hole of the source is skipped, and counted as moved', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: only2014},
	rap_src_changed: {why: 'the entry of the source changed before its page was pinned', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch, unreachable: race},
	rap_src_not_anon: {why: 'the page of the source is not anonymous: the zero page, or a page of a file', source: 'mm/fremap.c:remap_anon_pages_pte()', letter},
	rap_src_mapped_twice: {why: 'the page of the source is mapped more than once', source: 'mm/fremap.c:remap_anon_pages_pte()', letter},
	rap_src_no_anon_vma: {why: 'page_get_anon_vma gives no anon_vma for a KSM page, so the call tries again, for ever', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch},
	rap_raced: {why: 'an entry or the mapcount changed before both locks were held', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch, unreachable: race},
	rap_page_moved: {why: 'the page moves: it takes the anon_vma and the index of the destination, and a new entry', source: 'mm/fremap.c:remap_anon_pages_pte()', letter},
	rap_src_nonlinear: {why: 'the source is a nonlinear file entry', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch, unreachable: 'only shared mappings are nonlinear, and those are refused before'},
	rap_src_migrates: {why: 'the source is a migration entry, which is waited for', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch, unreachable: race},
	rap_swap_shared: {why: 'the swap entry of the source has other users', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch},
	rap_swap_raced: {why: 'an entry or the swap count changed before both locks were held', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch, unreachable: race},
	rap_swap_moved: {why: 'the swap entry moves as it is; a page of it in the swap cache keeps its mapping and index', source: 'mm/fremap.c:remap_anon_pages_pte()', letter: patch},
	rap_dst_huge: {why: 'the destination is mapped by a huge pmd', source: 'mm/fremap.c:remap_anon_pages()', letter},
	rap_huge_split: {why: 'the huge page of the source cannot move whole, so it is split first', source: 'mm/fremap.c:remap_anon_pages()', letter},
	rap_huge_zero_page: {why: 'the source is the huge zero page, which is not anonymous: the kernel stops before any check', source: 'mm/huge_memory.c:remap_anon_pages_huge_pmd()', letter: {'2013-05': 'K', '2014-10': 'P'}},
	rap_huge_mapped_twice: {why: 'the huge page of the source is mapped more than once', source: 'mm/huge_memory.c:remap_anon_pages_huge_pmd()', letter},
	rap_huge_no_anon_vma: {why: 'page_get_anon_vma gives no anon_vma for the huge page, so the call tries again', source: 'mm/huge_memory.c:remap_anon_pages_huge_pmd()', letter: patch, unreachable: race},
	rap_huge_raced: {why: 'a pmd or the mapcount changed before both locks were held', source: 'mm/huge_memory.c:remap_anon_pages_huge_pmd()', letter: patch, unreachable: race},
	rap_huge_moved: {why: 'the huge page moves by its pmd, without a split', source: 'mm/huge_memory.c:remap_anon_pages_huge_pmd()', letter},
	rap_interrupted: {why: 'a signal is pending', source: 'mm/fremap.c:remap_anon_pages()', letter: patch},
	rap_short: {why: 'something stopped the call after its first page, so it returns the bytes moved until then', source: 'mm/fremap.c:remap_anon_pages()', letter: only2014},
	// the patch: elsewhere
	userfault_read: {why: 'the range is MADV_USERFAULT and the page is not there: SIGBUS, not the zero page', source: 'mm/memory.c:do_anonymous_page()', letter: {'2013-05': 'L', '2014-10': 'P'}},
	userfault_write: {why: 'the range is MADV_USERFAULT and the page is not there: SIGBUS, not a new page', source: 'mm/memory.c:do_anonymous_page()', letter: {'2013-05': 'L', '2014-10': 'P'}},
	userfault_huge_zero: {why: 'the range is MADV_USERFAULT: SIGBUS, not the huge zero page', source: 'mm/huge_memory.c:do_huge_pmd_anonymous_page()', letter: patch},
	userfault_huge: {why: 'the range is MADV_USERFAULT: SIGBUS, not a new huge page', source: 'mm/huge_memory.c:__do_huge_pmd_anonymous_page()', letter: patch},
	userfault_on: {why: 'MADV_USERFAULT sets VM_USERFAULT', source: 'mm/madvise.c:madvise_behavior()', letter},
	userfault_off: {why: 'MADV_NOUSERFAULT clears VM_USERFAULT', source: 'mm/madvise.c:madvise_behavior()', letter},
	userfault_not_anonymous: {why: 'the mapping is not anonymous: it has vm_ops', source: 'mm/madvise.c:madvise_behavior()', letter},
	split_mapping_changed: {why: 'page->mapping changed before the anon_vma lock was taken, so the split starts again', source: 'mm/huge_memory.c:split_huge_page_to_list()', letter: patch, unreachable: race},
	collapse_userfault_hole: {why: 'khugepaged never fills a hole of a MADV_USERFAULT range', source: 'mm/huge_memory.c:khugepaged_scan_pmd()', letter: patch},
	collapse_many_holes: {why: 'more holes than max_ptes_none', source: 'mm/huge_memory.c:khugepaged_scan_pmd()', letter: 'I'},
	collapse_page_unfit: {why: 'a page is not there, not writable, not anonymous, or held elsewhere', source: 'mm/huge_memory.c:khugepaged_scan_pmd()', letter: 'K'},
	collapse_none_young: {why: 'no page was used lately', source: 'mm/huge_memory.c:khugepaged_scan_pmd()', letter: 'I'},
	collapse_vma_unfit: {why: 'the vma does not hold a whole huge page, or may not have one', source: 'mm/huge_memory.c:collapse_huge_page()', letter: 'I'},
	collapse_no_table: {why: 'there is no page table, or it is huge already', source: 'mm/huge_memory.c:khugepaged_scan_pmd()', letter: 'I'},
	rmap_mapping_changed: {why: 'page->mapping changed before the anon_vma lock was taken, so the walk starts again', source: 'mm/rmap.c:page_lock_anon_vma_read()', letter: patch, unreachable: race},
	swapped_page_copied: {why: 'the page in the swap cache has another root anon_vma or another index, so it is copied for this place', source: 'mm/ksm.c:ksm_might_need_to_copy()', letter: 'K'},
	ksm_unmerge_nomem: {why: 'no memory for the page that an address needs of its own', source: 'mm/ksm.c:break_ksm()', letter: 'I'},
	ksm_unmerge_interrupted: {why: 'a signal is pending while KSM pages are broken up', source: 'mm/ksm.c:unmerge_ksm_pages()', letter: 'I'},
	// arch/x86/mm/fault.c
	fault_kernel_address: {why: 'the address is not user memory', source: 'arch/x86/mm/fault.c:__do_page_fault()', letter: 'K'},
	fault_no_vma: {why: 'there is no vma at or above the address', source: 'arch/x86/mm/fault.c:__do_page_fault()', letter: 'K'},
	fault_below_vma: {why: 'the address lies in a hole between vmas', source: 'arch/x86/mm/fault.c:__do_page_fault()', letter: 'K'},
	fault_below_stack: {why: 'the address lies below a MAP_GROWSDOWN vma and far below the stack pointer', source: 'arch/x86/mm/fault.c:__do_page_fault()', letter: 'I'},
	fault_stack_cannot_grow: {why: 'the MAP_GROWSDOWN vma cannot grow to the address', source: 'mm/mmap.c:expand_stack()', letter: 'I'},
	fault_write_protected: {why: 'a write, and the vma is not writable', source: 'arch/x86/mm/fault.c:access_error()', letter: 'K'},
	fault_present: {why: 'a read or an instruction fetch that the entry of a present page forbids', source: 'arch/x86/mm/fault.c:access_error()', letter: 'K'},
	fault_no_access: {why: 'the vma allows no access at all', source: 'arch/x86/mm/fault.c:access_error()', letter: 'K'},
	fault_guard_page: {why: 'a mapping lies right below the stack vma, where its guard page should be', source: 'mm/memory.c:check_stack_guard_page()', letter: 'I'},
	fault_past_end_of_file: {why: 'the page lies past the end of the file: SIGBUS', source: 'mm/filemap.c:filemap_fault()', letter: 'I'},
	fault_nomem: {why: 'no memory for the fault: the task is killed', source: 'arch/x86/mm/fault.c:mm_fault_error()', letter: 'I'},
	uaccess_not_user: {why: 'the address is not user memory', source: 'arch/x86/include/asm/uaccess.h:access_ok()', letter: 'K'},
	gup_no_vma: {why: 'no vma, nor one that could grow there', source: 'mm/gup.c:__get_user_pages()', letter: 'K'},
	gup_vma_forbids: {why: 'the vma does not allow the access', source: 'mm/gup.c:check_vma_flags()', letter: 'K'},
	gup_fault_sigbus: {why: 'the fault that get_user_pages takes on the page would be a SIGBUS', source: 'mm/gup.c:faultin_page()', letter: 'K'},
	gup_fault_nomem: {why: 'no memory for the fault that get_user_pages takes', source: 'mm/gup.c:faultin_page()', letter: 'I'},
	gup_interrupted: {why: 'a fatal signal is pending, so no more pages are faulted in', source: 'mm/gup.c:__get_user_pages()', letter: 'I'},
	// mm/mmap.c
	mmap_bad_fd: {why: 'there is no such file', source: 'mm/mmap.c:mmap_pgoff()', letter: 'I'},
	mmap_offset_unaligned: {why: 'the offset is not page-aligned', source: 'arch/x86/kernel/sys_x86_64.c:mmap()', letter: 'I'},
	mmap_len_zero: {why: 'the length is zero', source: 'mm/mmap.c:do_mmap_pgoff()', letter: 'I'},
	mmap_len_overflows: {why: 'the length, rounded up to pages, wraps to zero', source: 'mm/mmap.c:do_mmap_pgoff()', letter: 'I'},
	mmap_pgoff_overflows: {why: 'offset and length together wrap around', source: 'mm/mmap.c:do_mmap_pgoff()', letter: 'I', unreachable: 'an offset in bytes that is shifted down leaves room for any length'},
	mmap_too_many_vmas: {why: 'the address space has more than max_map_count vmas', source: 'mm/mmap.c:do_mmap_pgoff()', letter: 'I'},
	mmap_past_task_size: {why: 'the range does not fit below TASK_SIZE', source: 'mm/mmap.c:get_unmapped_area()', letter: 'I'},
	mmap_addr_unaligned: {why: 'the address is not page-aligned, and MAP_FIXED', source: 'mm/mmap.c:get_unmapped_area()', letter: 'I'},
	mmap_no_room: {why: 'no gap is long enough', source: 'mm/mmap.c:vm_unmapped_area()', letter: 'I'},
	mmap_bad_type: {why: 'neither MAP_PRIVATE nor MAP_SHARED', source: 'mm/mmap.c:do_mmap_pgoff()', letter: 'I'},
	mmap_shared_growsdown: {why: 'MAP_GROWSDOWN on a shared mapping or on one of a file', source: 'mm/mmap.c:do_mmap_pgoff()', letter: 'I'},
	mmap_file_not_huge: {why: 'MAP_HUGETLB, and the file is not on hugetlbfs', source: 'mm/mmap.c:mmap_pgoff()', letter: 'I'},
	mmap_past_device: {why: 'the range lies past the last frame of the device', source: 'drivers/char/mem.c:mmap_mem()', letter: 'I'},
	mmap_device_nomem: {why: 'no memory for the page tables of the mapping', source: 'drivers/char/mem.c:mmap_mem()', letter: 'I'},
	mmap_unmap_failed: {why: 'what is mapped there could not be unmapped', source: 'mm/mmap.c:mmap_region()', letter: 'I'},
	brk_refused: {why: 'the break stays: below the heap, or something is mapped in the way', source: 'mm/mmap.c:brk()', letter: 'I'},
	munmap_bad_range: {why: 'the address is not page-aligned, or the range not inside user memory', source: 'mm/mmap.c:do_munmap()', letter: 'I'},
	munmap_len_zero: {why: 'the length is zero', source: 'mm/mmap.c:do_munmap()', letter: 'I'},
	munmap_too_many_vmas: {why: 'a hole in the middle of a vma would make more than max_map_count vmas', source: 'mm/mmap.c:do_munmap()', letter: 'I'},
	split_too_many_vmas: {why: 'splitting the vma would make more than max_map_count vmas', source: 'mm/mmap.c:split_vma()', letter: 'I'},
	split_no_anon_vma: {why: 'no memory to link the new vma to its anon_vmas', source: 'mm/mmap.c:__split_vma()', letter: 'I', unreachable: 'chain links are small allocations, which fail_alloc does not name'},
	stack_no_anon_vma: {why: 'no anon_vma could be allocated for the stack vma', source: 'mm/mmap.c:expand_downwards()', letter: 'I'},
	// mm/mprotect.c
	mprotect_both_grows: {why: 'PROT_GROWSDOWN together with PROT_GROWSUP', source: 'mm/mprotect.c:mprotect()', letter: 'I'},
	mprotect_unaligned: {why: 'the address is not page-aligned', source: 'mm/mprotect.c:mprotect()', letter: 'I'},
	mprotect_wraps: {why: 'the range wraps around', source: 'mm/mprotect.c:mprotect()', letter: 'I'},
	mprotect_bad_prot: {why: 'an unknown PROT bit is set', source: 'mm/mprotect.c:mprotect()', letter: 'I'},
	mprotect_no_vma: {why: 'the range begins in no vma', source: 'mm/mprotect.c:mprotect()', letter: 'I'},
	mprotect_not_growsdown: {why: 'PROT_GROWSDOWN, and the vma does not grow down', source: 'mm/mprotect.c:mprotect()', letter: 'I'},
	mprotect_not_growsup: {why: 'PROT_GROWSUP, and no vma grows up on x86', source: 'mm/mprotect.c:mprotect()', letter: 'I'},
	mprotect_may_not: {why: 'the vma may not get that right', source: 'mm/mprotect.c:mprotect()', letter: 'I', unreachable: 'every mapping of a trace may have every right'},
	mprotect_hole: {why: 'the range has a part that is not mapped', source: 'mm/mprotect.c:mprotect()', letter: 'K'},
	// mm/mremap.c
	// mm/fremap.c:remap_file_pages()
	rfp_prot: {why: 'rights are given, which must be 0', source: 'mm/fremap.c:remap_file_pages()', letter: 'I'},
	rfp_wraps: {why: 'the length is zero, or the range wraps around', source: 'mm/fremap.c:remap_file_pages()', letter: 'I'},
	rfp_pgoff_overflows: {why: 'the offset does not fit into an entry', source: 'mm/fremap.c:remap_file_pages()', letter: 'I'},
	rfp_not_shared: {why: 'no vma, or one that is not shared', source: 'mm/fremap.c:remap_file_pages()', letter: 'I'},
	rfp_cannot: {why: 'the mapping is of no file that can do it', source: 'mm/fremap.c:remap_file_pages()', letter: 'I'},
	rfp_outside_vma: {why: 'the range is not inside the vma', source: 'mm/fremap.c:remap_file_pages()', letter: 'I'},
	rfp_linear: {why: 'the page is where a linear mapping has it, so nothing changes', source: 'mm/fremap.c:remap_file_pages()', letter: 'I'},
	rfp_nomem: {why: 'no memory for page tables', source: 'mm/fremap.c:install_file_pte()', letter: 'I'},
	mremap_bad_flags: {why: 'an unknown MREMAP flag is set', source: 'mm/mremap.c:mremap()', letter: 'I'},
	mremap_fixed_not_maymove: {why: 'MREMAP_FIXED without MREMAP_MAYMOVE', source: 'mm/mremap.c:mremap()', letter: 'I'},
	mremap_unaligned: {why: 'the address is not page-aligned', source: 'mm/mremap.c:mremap()', letter: 'I'},
	mremap_new_len_zero: {why: 'the new length is zero', source: 'mm/mremap.c:mremap()', letter: 'I'},
	mremap_to_unaligned: {why: 'the new address is not page-aligned', source: 'mm/mremap.c:mremap_to()', letter: 'I'},
	mremap_to_past_task_size: {why: 'the new range does not fit below TASK_SIZE', source: 'mm/mremap.c:mremap_to()', letter: 'I'},
	mremap_to_overlaps: {why: 'the old and the new range overlap', source: 'mm/mremap.c:mremap_to()', letter: 'I'},
	mremap_no_vma: {why: 'the old range begins in no vma', source: 'mm/mremap.c:vma_to_resize()', letter: 'K'},
	mremap_spans_vmas: {why: 'the old range runs past the end of its vma', source: 'mm/mremap.c:vma_to_resize()', letter: 'K'},
	mremap_pgoff_overflows: {why: 'the new length does not fit behind the offset of the vma', source: 'mm/mremap.c:vma_to_resize()', letter: 'I', unreachable: 'an offset in bytes that is shifted down leaves room for any length'},
	mremap_too_many_vmas: {why: 'fewer than four vmas are left until max_map_count', source: 'mm/mremap.c:move_vma()', letter: 'I'},
	mremap_no_new_vma: {why: 'no vma could be made at the new place', source: 'mm/mremap.c:move_vma()', letter: 'I', unreachable: 'chain links are small allocations, which fail_alloc does not name'},
	mremap_tables_nomem: {why: 'no memory for the page tables of the new place: what had moved was moved back', source: 'mm/mremap.c:move_vma()', letter: 'I'},
	mremap_cannot_grow: {why: 'there is no room behind the vma, and no MREMAP_MAYMOVE', source: 'mm/mremap.c:mremap()', letter: 'I'},
	// mm/madvise.c
	madvise_unknown: {why: 'there is no such advice', source: 'mm/madvise.c:madvise_behavior_valid()', letter: 'K'},
	madvise_unaligned: {why: 'the address is not page-aligned', source: 'mm/madvise.c:madvise()', letter: 'K'},
	madvise_len_overflows: {why: 'the length, rounded up to pages, wraps to zero', source: 'mm/madvise.c:madvise()', letter: 'K'},
	madvise_wraps: {why: 'the range wraps around', source: 'mm/madvise.c:madvise()', letter: 'K'},
	madvise_hole: {why: 'a part of the range is not mapped; the rest has got the advice', source: 'mm/madvise.c:madvise()', letter: 'K'},
	madvise_nomem: {why: 'the vma could not be split', source: 'mm/madvise.c:madvise_behavior()', letter: 'I'},
	madvise_dontneed_locked: {why: 'the vma is mlocked', source: 'mm/madvise.c:madvise_dontneed()', letter: 'K'},
	madvise_remove_locked: {why: 'the vma is mlocked', source: 'mm/madvise.c:madvise_remove()', letter: 'I'},
	madvise_remove_not_shared: {why: 'the mapping is not both shared and writable', source: 'mm/madvise.c:madvise_remove()', letter: 'I'},
	madvise_remove_device: {why: 'the file is not a regular one', source: 'fs/open.c:do_fallocate()', letter: 'I'},
	madvise_remove_cannot: {why: 'the file system cannot punch holes', source: 'fs/open.c:do_fallocate()', letter: 'I'},
	madvise_remove_no_file: {why: 'the vma is not a mapping of a file', source: 'mm/madvise.c:madvise_remove()', letter: 'I'},
	madvise_huge_again: {why: 'the vma has VM_HUGEPAGE already, or cannot have huge pages', source: 'mm/huge_memory.c:hugepage_madvise()', letter: 'I'},
	madvise_nohuge_again: {why: 'the vma has VM_NOHUGEPAGE already, or cannot have huge pages', source: 'mm/huge_memory.c:hugepage_madvise()', letter: 'I'},
	// mm/mlock.c
	mlock_wraps: {why: 'the range wraps around', source: 'mm/mlock.c:do_mlock()', letter: 'I'},
	mlock_no_vma: {why: 'the range begins in no vma', source: 'mm/mlock.c:do_mlock()', letter: 'I'},
	mlock_hole: {why: 'a part of the range is not mapped; the vmas before it are locked, nothing is faulted in', source: 'mm/mlock.c:do_mlock()', letter: 'K'},
	mlock_not_populated: {why: 'a page of the range could not be faulted in; the vmas are locked all the same', source: 'mm/mlock.c:__mlock_posix_error_return()', letter: 'K'},
	mlockall_bad_flags: {why: 'no MCL flag, or an unknown one', source: 'mm/mlock.c:mlockall()', letter: 'I'},
	// mm/mincore.c, mm/msync.c
	mincore_unaligned: {why: 'the address is not page-aligned', source: 'mm/mincore.c:mincore()', letter: 'I'},
	mincore_not_user: {why: 'the range is not user memory', source: 'mm/mincore.c:mincore()', letter: 'I'},
	mincore_hole: {why: 'a part of the range is not mapped', source: 'mm/mincore.c:do_mincore()', letter: 'K'},
	mincore_nomem: {why: 'no page for the vector', source: 'mm/mincore.c:mincore()', letter: 'I'},
	msync_bad_flags: {why: 'an unknown MS flag, or MS_ASYNC together with MS_SYNC', source: 'mm/msync.c:msync()', letter: 'I'},
	msync_unaligned: {why: 'the address is not page-aligned', source: 'mm/msync.c:msync()', letter: 'I'},
	msync_wraps: {why: 'the range wraps around', source: 'mm/msync.c:msync()', letter: 'I'},
	msync_hole: {why: 'a part of the range is not mapped', source: 'mm/msync.c:msync()', letter: 'I'},
	msync_device: {why: 'the file of the shared mapping has nothing to sync: a device', source: 'fs/sync.c:vfs_fsync_range()', letter: 'I'},
	msync_locked: {why: 'MS_INVALIDATE on a mlocked vma', source: 'mm/msync.c:msync()', letter: 'I'},
	// mm/mempolicy.c, mm/migrate.c
	mbind_bad_mode: {why: 'there is no such policy mode', source: 'mm/mempolicy.c:mbind()', letter: 'I'},
	mbind_both_flags: {why: 'MPOL_F_STATIC_NODES together with MPOL_F_RELATIVE_NODES', source: 'mm/mempolicy.c:mbind()', letter: 'I'},
	mpol_node_too_high: {why: 'the kernel knows no node of that number', source: 'mm/mempolicy.c:get_nodes()', letter: 'I'},
	mbind_bad_flags: {why: 'an unknown MPOL_MF flag is set', source: 'mm/mempolicy.c:do_mbind()', letter: 'I'},
	mbind_unaligned: {why: 'the address is not page-aligned', source: 'mm/mempolicy.c:do_mbind()', letter: 'I'},
	mbind_wraps: {why: 'the range wraps around', source: 'mm/mempolicy.c:do_mbind()', letter: 'I'},
	mpol_needs_no_node: {why: 'MPOL_DEFAULT and MPOL_LOCAL take no node', source: 'mm/mempolicy.c:mpol_new()', letter: 'I'},
	mpol_needs_node: {why: 'the policy needs a node', source: 'mm/mempolicy.c:mpol_new()', letter: 'I'},
	mpol_node_without_memory: {why: 'the node has no memory', source: 'mm/mempolicy.c:mpol_set_nodemask()', letter: 'I'},
	mbind_no_vma: {why: 'the range begins in no vma', source: 'mm/mempolicy.c:mbind_range()', letter: 'I'},
	mbind_hole: {why: 'a part of the range is not mapped, and the policy is not MPOL_DEFAULT', source: 'mm/mempolicy.c:queue_pages_range()', letter: 'I'},
	mbind_misplaced: {why: 'MPOL_MF_STRICT without MPOL_MF_MOVE, and a page is on another node', source: 'mm/mempolicy.c:queue_pages_pte_range()', letter: 'I'},
	mbind_not_moved: {why: 'MPOL_MF_STRICT, and a page could not be moved', source: 'mm/mempolicy.c:do_mbind()', letter: 'I'},
	migrate_nomem: {why: 'no memory for the page that another one moves to', source: 'mm/migrate.c:migrate_pages()', letter: 'I'},
	migrate_pages_no_task: {why: 'there is no such task', source: 'mm/mempolicy.c:migrate_pages()', letter: 'I'},
	migrate_pages_no_memory: {why: 'the node to move to has no memory', source: 'mm/mempolicy.c:migrate_pages()', letter: 'I'},
	move_pages_bad_flags: {why: 'a flag other than MPOL_MF_MOVE and MPOL_MF_MOVE_ALL is set', source: 'mm/migrate.c:move_pages()', letter: 'I'},
	move_pages_no_node: {why: 'there is no such node, or it has no memory', source: 'mm/migrate.c:do_pages_move()', letter: 'I'},
	numa_page_moves: {why: 'a NUMA hint fault finds the page on another node than the task, so it moves', source: 'mm/mempolicy.c:mpol_misplaced()', letter: 'I'},
	// kernel
	fork_nomem: {why: 'no memory for the address space of the child', source: 'kernel/fork.c:dup_mmap()', letter: 'I'},
	syscall_unknown: {why: 'the architecture has no system call of that number', source: 'kernel/sys_ni.c:sys_ni_syscall()', letter: 'I'},
	alloc_no_memory: {why: 'all page frames that `ram` allows are in use', source: 'mm/page_alloc.c:__alloc_pages_nodemask()', letter: 'I'},
	alloc_failed: {why: 'an allocation failed, as fail_alloc asked', source: 'mm/page_alloc.c:__alloc_pages_nodemask()', letter: 'I'},
} as const satisfies Record<string, Decision>;

export type DecisionName = keyof typeof decisions;

/** Names by number. */
export const decisionNames = Object.keys(decisions) as DecisionName[];

/** Numbers by name: `because(m, D.rap_dst_mapped, rev.dst_mapped)`. */
export const D = Object.fromEntries(decisionNames.map((name, number) => [name, number])) as Readonly<Record<DecisionName, number>>;

/** How many decisions of one row are remembered; the earlier ones go first. */
export const DECISIONS_KEPT = 16;

/** Notes that a decision was taken. Costs two stores; words are made of it only for a difference or for --coverage. */
export function decide(m: Machine, decision: number): void {
	m.decided[m.nr_decided++ & (DECISIONS_KEPT - 1)] = decision;
	m.taken[decision]!++;
}

/** Notes the decision and gives the answer back. */
export function because(m: Machine, decision: number, answer: number): number {
	decide(m, decision);
	return answer;
}

/** The letter of a decision under a posting; null where that posting has no such decision. */
export function letterOf(decision: Decision, revision: RevisionName): Letter | null {
	return typeof decision.letter === 'string' ? decision.letter : decision.letter[revision];
}
