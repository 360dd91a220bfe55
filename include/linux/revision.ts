import {EBUSY, EEXIST, EFAULT, ENOENT} from '../asm-generic/errno.ts';
import type {KernelName, PostingName} from './abi.ts';
import type {errno_t} from './types.ts';

/**
 * What differs between the postings of the patch and their base kernels: one field for one behaviour. Code asks for the behaviour
 * (`rev.dst_mapped`) and never for the posting. Letters as in the README: L letter, P patch, K recorded, I inferred.
 */
export interface Revision {
	/** Whose headers and system call table a trace's numbers are from. */
	readonly kernel: KernelName;
	/** Whose rows stand in them, too; null: nobody's. */
	readonly posting: PostingName | null;
	/** remap_anon_pages: the destination is already mapped, by pte or huge pmd. */
	readonly dst_mapped: errno_t;
	/** remap_anon_pages: the source has a hole and no flag allows it. */
	readonly src_hole: errno_t;
	/** remap_anon_pages: the source is not anonymous, or its page or swap entry has other users. */
	readonly src_shared: errno_t;
	/** remap_anon_pages: there is a fourth argument, with RAP_ALLOW_SRC_HOLES. */
	readonly takes_flags: boolean;
	/** remap_anon_pages: addresses and length are rounded down; otherwise unaligned ones are -EINVAL. */
	readonly rounds_down: boolean;
	/** remap_anon_pages: success is the number of bytes moved, also when an error ends it early; otherwise it is 0. */
	readonly returns_bytes: boolean;
	/** remap_anon_pages: any signal ends it; otherwise only a fatal one. */
	readonly any_signal_interrupts: boolean;
	/** The base kernel has CONFIG_MEM_SOFT_DIRTY: a bit in the entries and `sd` in VmFlags. */
	readonly soft_dirty: boolean;
	/** mm_find_pmd returns a huge pmd; otherwise NULL. */
	readonly find_pmd_returns_huge: boolean;
	/** thp_fault_alloc is counted when the huge page is allocated; otherwise when it is mapped. */
	readonly counts_thp_at_allocation: boolean;
	/** mremap looks at MREMAP_FIXED without MREMAP_MAYMOVE only behind the checks of address and length. */
	readonly mremap_fixed_checked_late: boolean;
	/** MAP_GROWSDOWN on a shared mapping is refused only after what was mapped there is gone. */
	readonly growsdown_shared_refused_late: boolean;
	/** No memory for the table to put by for a fresh huge page: base pages; otherwise it is VM_FAULT_OOM. */
	readonly huge_fault_oom_falls_back: boolean;
	/** No memory for the copy of a huge page: the fault goes on with base pages; otherwise it begins again. */
	readonly wp_huge_oom_falls_back: boolean;
	/** No huge page for a write to the huge zero page: one page and zero entries take its place; otherwise it is split and the fault goes on. */
	readonly wp_huge_zero_copies_one: boolean;
	/** mmap refuses MAP_HUGETLB without MAP_ANONYMOUS before it looks for the file. */
	readonly hugetlb_refused_before_fd: boolean;
	/** A read fault on a file maps the pages around it that are in the page cache. */
	readonly fault_around: boolean;
	/** At most so many pages are read ahead at a time. */
	readonly max_sane_readahead: number;
	/** A pmd table has a lock of its own; otherwise the mm's page_table_lock guards it. */
	readonly split_pmd_ptlocks: boolean;
	/** NUMA hints: also pages that are mapped more than once, but no KSM pages; otherwise only pages that are mapped once. */
	readonly numa_hints_shared_pages: boolean;
	/** NUMA hints: also the pmd entry of a table whose pages are all on one node; one fault then ends the hints of the whole table. */
	readonly numa_hints_tables: boolean;
	/** NUMA hints: also the huge zero page. */
	readonly numa_hints_huge_zero_page: boolean;
	/** NUMA hints: also in vmas that nobody may access. */
	readonly numa_hints_inaccessible: boolean;
	/** mprotect makes an entry with a NUMA hint young when it ends the hint; otherwise it leaves the bit. */
	readonly mprotect_ends_hint_as_used: boolean;
	/** The parts of a huge page with a NUMA hint have one each when it is split. */
	readonly split_keeps_numa_hint: boolean;
	/** A NUMA hint fault: the page moves to the task's node at the second fault from there; otherwise at the first. */
	readonly numa_two_stage_filter: boolean;
	/** A NUMA hint fault: a page moves also if it is mapped more than once. */
	readonly numa_moves_shared_pages: boolean;
	/** A huge page that moves at a NUMA hint fault: its anon_vma is locked, so that nobody splits it. */
	readonly numa_locks_anon_vma: boolean;
	/** mbind: a vma that has taken in the next one, with the new policy, keeps its old policy. */
	readonly mbind_forgets_joined: boolean;
	/** khugepaged: the huge page comes from the node of the first page, or from where the vma's policy says; otherwise from the node of most pages. */
	readonly collapse_follows_first_page: boolean;
}

export const revisions = {
	// on Linux 3.10
	'2013-05': {
		kernel: '3.10', // I
		posting: '2013-05',
		dst_mapped: -EFAULT, // L
		src_hole: -EFAULT, // L
		src_shared: -EFAULT, // L: "anything unexpected"; I for swap entries
		takes_flags: false, // I
		rounds_down: true, // I
		returns_bytes: false, // I
		any_signal_interrupts: true, // I
		soft_dirty: false, // K
		find_pmd_returns_huge: true, // K
		counts_thp_at_allocation: true, // K
		mremap_fixed_checked_late: true, // mm/mremap.c, Linux 3.10
		growsdown_shared_refused_late: true, // mm/mmap.c:mmap_region(), Linux 3.10
		huge_fault_oom_falls_back: true, // mm/huge_memory.c:do_huge_pmd_anonymous_page(), Linux 3.10
		wp_huge_oom_falls_back: false, // mm/memory.c:handle_mm_fault(), Linux 3.10
		wp_huge_zero_copies_one: true, // mm/huge_memory.c:do_huge_pmd_wp_page(), Linux 3.10
		hugetlb_refused_before_fd: true, // mm/mmap.c:mmap_pgoff(), Linux 3.10
		fault_around: false, // K
		max_sane_readahead: Infinity, // mm/readahead.c, Linux 3.10: half of the memory of the node
		split_pmd_ptlocks: false, // include/linux/mm.h, Linux 3.10
		numa_hints_shared_pages: false, // mm/mprotect.c:change_pte_range(), Linux 3.10
		numa_hints_tables: true, // K
		numa_hints_huge_zero_page: true, // mm/huge_memory.c:change_huge_pmd(), Linux 3.10
		numa_hints_inaccessible: true, // kernel/sched/fair.c:task_numa_work(), Linux 3.10
		mprotect_ends_hint_as_used: false, // mm/mprotect.c:change_pte_range(), Linux 3.10
		split_keeps_numa_hint: true, // mm/huge_memory.c:__split_huge_page_map(), Linux 3.10
		numa_two_stage_filter: true, // mm/mempolicy.c:mpol_misplaced(), Linux 3.10
		numa_moves_shared_pages: false, // mm/migrate.c:migrate_misplaced_page(), Linux 3.10
		numa_locks_anon_vma: false, // mm/huge_memory.c:do_huge_pmd_numa_page(), Linux 3.10
		mbind_forgets_joined: true, // mm/mempolicy.c:mbind_range(), Linux 3.10
		collapse_follows_first_page: true, // mm/huge_memory.c:khugepaged_scan_pmd(), Linux 3.10
	},
	// on Linux 3.17
	'2014-10': {
		kernel: '3.17', // P
		posting: '2014-10',
		dst_mapped: -EEXIST, // P
		src_hole: -ENOENT, // P
		src_shared: -EBUSY, // P
		takes_flags: true, // P
		rounds_down: false, // P
		returns_bytes: true, // P
		any_signal_interrupts: false, // P
		soft_dirty: true, // K
		find_pmd_returns_huge: false, // K
		counts_thp_at_allocation: false, // K
		mremap_fixed_checked_late: false, // mm/mremap.c, Linux 3.17
		growsdown_shared_refused_late: false, // mm/mmap.c:do_mmap_pgoff(), Linux 3.17
		huge_fault_oom_falls_back: false, // P
		wp_huge_oom_falls_back: true, // mm/huge_memory.c:do_huge_pmd_wp_page(), Linux 3.17
		wp_huge_zero_copies_one: false, // mm/huge_memory.c:do_huge_pmd_wp_page(), Linux 3.17
		hugetlb_refused_before_fd: false, // mm/mmap.c:mmap_pgoff(), Linux 3.17
		fault_around: true, // mm/memory.c:do_read_fault(), Linux 3.17
		max_sane_readahead: 512, // mm/readahead.c, Linux 3.17: MAX_READAHEAD
		split_pmd_ptlocks: true, // include/linux/mm.h, Linux 3.17
		numa_hints_shared_pages: true, // mm/mprotect.c:change_pte_range(), Linux 3.17
		numa_hints_tables: false, // K
		numa_hints_huge_zero_page: false, // mm/huge_memory.c:change_huge_pmd(), Linux 3.17
		numa_hints_inaccessible: false, // kernel/sched/fair.c:task_numa_work(), Linux 3.17
		mprotect_ends_hint_as_used: true, // mm/mprotect.c:change_pte_range(), Linux 3.17
		split_keeps_numa_hint: false, // mm/huge_memory.c:__split_huge_page_map(), Linux 3.17
		numa_two_stage_filter: false, // kernel/sched/fair.c:should_numa_migrate_memory(), Linux 3.17
		numa_moves_shared_pages: true, // mm/migrate.c:migrate_misplaced_page(), Linux 3.17
		numa_locks_anon_vma: true, // mm/huge_memory.c:do_huge_pmd_numa_page(), Linux 3.17
		mbind_forgets_joined: false, // mm/mempolicy.c:mbind_range(), Linux 3.17
		collapse_follows_first_page: false, // mm/huge_memory.c:khugepaged_find_target_node(), Linux 3.17
	},
} satisfies Record<string, Revision>;

export type RevisionName = keyof typeof revisions;

/** The posting of the letter that began it. */
export const DEFAULT_REVISION: RevisionName = '2013-05';

export function isRevisionName(name: string): name is RevisionName {
	return Object.hasOwn(revisions, name);
}
