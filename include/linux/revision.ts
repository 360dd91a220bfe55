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
	/** No memory for the copy of a huge page: the fault goes on with base pages; otherwise it is VM_FAULT_OOM. */
	readonly wp_huge_oom_falls_back: boolean;
	/** mmap refuses MAP_HUGETLB without MAP_ANONYMOUS before it looks for the file. */
	readonly hugetlb_refused_before_fd: boolean;
	/** A read fault on a file maps the pages around it that are in the page cache. */
	readonly fault_around: boolean;
	/** At most so many pages are read ahead at a time. */
	readonly max_sane_readahead: number;
	/** A pmd table has a lock of its own; otherwise the mm's page_table_lock guards it. */
	readonly split_pmd_ptlocks: boolean;
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
		wp_huge_oom_falls_back: false, // mm/huge_memory.c:do_huge_pmd_wp_page(), Linux 3.10
		hugetlb_refused_before_fd: true, // mm/mmap.c:mmap_pgoff(), Linux 3.10
		fault_around: false, // K
		max_sane_readahead: Infinity, // mm/readahead.c, Linux 3.10: half of the memory of the node
		split_pmd_ptlocks: false, // include/linux/mm.h, Linux 3.10
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
		hugetlb_refused_before_fd: false, // mm/mmap.c:mmap_pgoff(), Linux 3.17
		fault_around: true, // mm/memory.c:do_read_fault(), Linux 3.17
		max_sane_readahead: 512, // mm/readahead.c, Linux 3.17: MAX_READAHEAD
		split_pmd_ptlocks: true, // include/linux/mm.h, Linux 3.17
	},
} satisfies Record<string, Revision>;

export type RevisionName = keyof typeof revisions;

/** The posting of the letter that began it. */
export const DEFAULT_REVISION: RevisionName = '2013-05';

export function isRevisionName(name: string): name is RevisionName {
	return Object.hasOwn(revisions, name);
}
