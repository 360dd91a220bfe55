import type {ArchitectureName, Memory} from '../linux/abi.ts';
import {TWO_32, TWO_64, type pteval_t, type ulong} from '../linux/types.ts';

/** What mm needs to know of an architecture: pages, page tables, and where user memory ends. Sizes in bytes. */
export interface Arch {
	readonly name: ArchitectureName;
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
	/** From here on an address is none at all, unless it is as far below 2^64: a fault there has no si_addr. Where the processor knows all of them, it is ULONG_RANGE. */
	readonly NONCANONICAL: ulong;
	/** Where mmap without an address begins, top-down, without randomisation; 0: the kernel only looks bottom-up. */
	readonly mmap_base: ulong;
	/** Where it begins, bottom-up, when there is no room below. */
	readonly TASK_UNMAPPED_BASE: ulong;
	/** Entries of a pmd table can map a huge page. */
	readonly huge_pages: boolean;
	/** Rights of an entry by VM_READ, VM_WRITE, VM_EXEC, VM_SHARED. */
	readonly protection_map: readonly pteval_t[];
	/** A nonlinear entry holds page offsets below 2 to this power. */
	readonly PTE_FILE_MAX_BITS: number;
}

/** What the geometry does not tell. */
export type ArchParts = Pick<Arch, 'mmap_base' | 'TASK_UNMAPPED_BASE' | 'protection_map' | 'PTE_FILE_MAX_BITS'> & Partial<Pick<Arch, 'NONCANONICAL'>>;

/**
 * An architecture, of the geometry in its table: default page size, levels that are not there folded to tables of one entry. Registers, and with
 * them the wrap-around, are as wide as the kernel's: x32 and mips-n32 programs run on a kernel of 64 bits.
 */
export function architecture(name: ArchitectureName, memory: Memory, parts: ArchParts): Arch {
	const {bits, pgdir_shift, pmd_shift, pud_shift = pgdir_shift} = memory.page_table, PAGE_SIZE = memory.default_page_size;
	const ULONG_RANGE = memory.kernel_bits_per_long === 32 ? TWO_32 : TWO_64;
	return {
		name,
		PAGE_SHIFT: Math.log2(PAGE_SIZE),
		PAGE_SIZE,
		PTRS_PER_PTE: 2 ** bits.pte,
		PTRS_PER_PMD: 2 ** (bits.pmd ?? 0),
		PTRS_PER_PUD: 2 ** (bits.pud ?? 0),
		PTRS_PER_PGD: 2 ** bits.pgd,
		PAGE_INVERSE: 1 / PAGE_SIZE,
		PMD_INVERSE: 2 ** -pmd_shift,
		PMD_SIZE: memory.pmd_size,
		PUD_SIZE: 2 ** pud_shift,
		PGDIR_SIZE: 2 ** pgdir_shift,
		TASK_SIZE: memory.task_size,
		ULONG_RANGE,
		NONCANONICAL: ULONG_RANGE,
		huge_pages: memory.huge_page_size !== null,
		...parts,
	};
}
