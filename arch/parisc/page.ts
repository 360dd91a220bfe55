import type {Memory} from '../../include/linux/abi.ts';

// Pages, page tables and TASK_SIZE as the default configuration has them; Linux 3.10 and 3.17, from the files under `source`.

export const parisc = {
	bits_per_long: 32,
	kernel_bits_per_long: 32,
	page_sizes: [4096, 16384, 65536],
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
		source: 'arch/parisc/Kconfig (3.10, 3.17): does not select HAVE_ARCH_TRANSPARENT_HUGEPAGE',
	},
	task_size: 0xfff0_0000,
	task_size_rule: 'current->thread.task_size: DEFAULT_TASK_SIZE32',
	source: [
		'arch/parisc/Kconfig (3.10): default PARISC_PAGE_SIZE_4KB',
		'arch/parisc/include/asm/page.h (3.10)',
		'arch/parisc/include/asm/pgtable.h (3.10)',
		'arch/parisc/include/asm/processor.h (3.10)',
	],
	note: 'stacks grow up; 16 KiB and 64 KiB pages need CONFIG_PA8X00',
	variants: {
		'64bit': {
			when: '64-bit kernel (CONFIG_64BIT); 32-bit programs on it keep task_size 0xfff00000',
			bits_per_long: 64,
			kernel_bits_per_long: 64,
			page_sizes: [4096, 16384, 65536],
			page_table: {
				levels: 3,
				bits: {pgd: 11, pmd: 11, pte: 9},
				va_bits: 43,
				pgdir_shift: 32,
				pmd_shift: 21,
			},
			pmd_size: 0x20_0000,
			huge_page_size: null,
			task_size: 0x7ff_f100_0000,
			task_size_rule: 'DEFAULT_TASK_SIZE = MAX_ADDRESS - 0xf000000',
			source: [
				'arch/parisc/include/asm/pgtable.h (3.10)',
				'arch/parisc/include/asm/processor.h (3.10)',
			],
		},
	},
} as const satisfies Memory;
