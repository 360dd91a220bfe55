import type {Memory} from '../../include/linux/abi.ts';

// Pages, page tables and TASK_SIZE as the default configuration has them; Linux 3.10 and 3.17, from the files under `source`.

export const alpha = {
	bits_per_long: 64,
	kernel_bits_per_long: 64,
	page_sizes: [8192],
	default_page_size: 8192,
	page_table: {
		levels: 3,
		bits: {pgd: 10, pmd: 10, pte: 10},
		va_bits: 43,
		pgdir_shift: 33,
		pmd_shift: 23,
	},
	pmd_size: 0x80_0000,
	huge_page_size: null,
	thp: {
		'3.10': {configurable: false},
		'3.17': {configurable: false},
		source: 'arch/alpha/Kconfig (3.10, 3.17): does not select HAVE_ARCH_TRANSPARENT_HUGEPAGE',
	},
	task_size: 0x400_0000_0000,
	task_size_rule: '1 << 42',
	source: [
		'arch/alpha/include/asm/page.h (3.10)',
		'arch/alpha/include/asm/pgtable.h (3.10)',
		'arch/alpha/include/asm/processor.h (3.10)',
	],
} as const satisfies Memory;
