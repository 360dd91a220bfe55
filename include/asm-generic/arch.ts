import type {pteval_t, ulong} from '../linux/types.ts';

/** What mm needs to know of an architecture: pages, page tables, and where user memory ends. Sizes in bytes. */
export interface Arch {
	readonly name: string;
	readonly PAGE_SHIFT: number;
	readonly PAGE_SIZE: number;
	/** Entries of a table of each level; 1 where the level is folded. */
	readonly PTRS_PER_PTE: number;
	readonly PTRS_PER_PMD: number;
	readonly PTRS_PER_PUD: number;
	readonly PTRS_PER_PGD: number;
	/** 1 divided by PAGE_SIZE and by PMD_SIZE, which is exact: a processor multiplies faster than it divides. */
	readonly PAGE_INVERSE: number;
	readonly PMD_INVERSE: number;
	/** What one entry of a pmd, pud and pgd table covers. */
	readonly PMD_SIZE: ulong;
	readonly PUD_SIZE: ulong;
	readonly PGDIR_SIZE: ulong;
	readonly TASK_SIZE: ulong;
	/** Where an unsigned long wraps: 2^32 or 2^64. */
	readonly ULONG_RANGE: number;
	/** Where mmap without an address begins, top-down, without randomisation. */
	readonly mmap_base: ulong;
	/** Where it goes on, bottom-up, when there is no room below. */
	readonly TASK_UNMAPPED_BASE: ulong;
	/** Entries of a pmd table can map a huge page. */
	readonly huge_pages: boolean;
	/** Rights of an entry by VM_READ, VM_WRITE, VM_EXEC, VM_SHARED. */
	readonly protection_map: readonly pteval_t[];
}
