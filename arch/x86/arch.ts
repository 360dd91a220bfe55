import type {Arch} from '../../include/asm-generic/arch.ts';
import {TWO_64} from '../../include/linux/types.ts';
import {protection_map} from './pgtable.ts';

// arch/x86/include/asm/{page_types,pgtable_64_types,processor}.h and arch/x86/mm/mmap.c, Linux 3.10 and 3.17
export const x86_64: Arch = {
	name: 'x86_64',
	PAGE_SHIFT: 12,
	PAGE_SIZE: 4096,
	PTRS_PER_PTE: 512,
	PTRS_PER_PMD: 512,
	PTRS_PER_PUD: 512,
	PTRS_PER_PGD: 512,
	PAGE_INVERSE: 2 ** -12,
	PMD_INVERSE: 2 ** -21,
	PMD_SIZE: 2 ** 21,
	PUD_SIZE: 2 ** 30,
	PGDIR_SIZE: 2 ** 39,
	TASK_SIZE: 2 ** 47 - 4096,
	ULONG_RANGE: TWO_64,
	// trace-format.md; the kernel leaves a gap of at least 128 MiB for the stack, which a trace does not show
	mmap_base: 0x7fff_f7ff_f000,
	// PAGE_ALIGN(TASK_SIZE / 3)
	TASK_UNMAPPED_BASE: 0x2aaa_aaaa_b000,
	huge_pages: true,
	protection_map,
};
