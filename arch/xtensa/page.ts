import type {Memory} from '../../include/linux/abi.ts';

// Pages, page tables and TASK_SIZE as the default configuration has them; Linux 3.10 and 3.17, from the files under `source`.

export const xtensa = {
	bits_per_long: 32,
	kernel_bits_per_long: 32,
	page_sizes: [4096],
	default_page_size: 4096,
	page_table: {
		levels: 2,
		bits: {pgd: 10, pte: 10},
		va_bits: 32,
		pgdir_shift: 22,
		pmd_shift: 22,
	},
	pmd_size: 0x40_0000,
	huge_page_size: null,
	thp: {
		'3.10': {configurable: false},
		'3.17': {configurable: false},
		source: 'arch/xtensa/Kconfig (3.10, 3.17): does not select HAVE_ARCH_TRANSPARENT_HUGEPAGE',
	},
	task_size: 0x4000_0000,
	task_size_rule: '0x40000000 with CONFIG_MMU',
	source: [
		'arch/xtensa/include/asm/page.h (3.10)',
		'arch/xtensa/include/asm/pgtable.h (3.10)',
		'arch/xtensa/include/asm/processor.h (3.10)',
	],
} as const satisfies Memory;
