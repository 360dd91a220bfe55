import type {Memory} from '../../include/linux/abi.ts';

// Pages, page tables and TASK_SIZE as the default configuration has them; Linux 3.10 and 3.17, from the files under `source`.

export const x86_64 = {
	bits_per_long: 64,
	kernel_bits_per_long: 64,
	page_sizes: [4096],
	default_page_size: 4096,
	page_table: {
		levels: 4,
		bits: {pgd: 9, pud: 9, pmd: 9, pte: 9},
		va_bits: 48,
		pgdir_shift: 39,
		pud_shift: 30,
		pmd_shift: 21,
	},
	pmd_size: 0x20_0000,
	huge_page_size: 0x20_0000,
	thp: {
		'3.10': {configurable: true},
		'3.17': {configurable: true},
		source: 'arch/x86/Kconfig: select HAVE_ARCH_TRANSPARENT_HUGEPAGE (3.10, 3.17)',
	},
	task_size: 0x7fff_ffff_f000,
	task_size_rule: '(1 << 47) - PAGE_SIZE',
	source: [
		'arch/x86/include/asm/page_types.h (3.10)',
		'arch/x86/include/asm/pgtable_64_types.h (3.10)',
		'arch/x86/include/asm/processor.h (3.10)',
	],
} as const satisfies Memory;

export const i386 = {
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
	huge_page_size: 0x40_0000,
	thp: {
		'3.10': {configurable: true, condition: 'processor has PSE'},
		'3.17': {configurable: true, condition: 'processor has PSE'},
		source: 'arch/x86/Kconfig: select HAVE_ARCH_TRANSPARENT_HUGEPAGE (3.10, 3.17)',
	},
	task_size: 0xc000_0000,
	task_size_rule: 'PAGE_OFFSET = CONFIG_PAGE_OFFSET, 0xc0000000 by default (VMSPLIT_3G)',
	source: [
		'arch/x86/Kconfig (3.10): default HIGHMEM4G, so no PAE',
		'arch/x86/include/asm/pgtable-2level_types.h (3.10)',
		'arch/x86/include/asm/processor.h (3.10)',
	],
	variants: {
		pae: {
			when: 'CONFIG_X86_PAE',
			page_table: {
				levels: 3,
				bits: {pgd: 2, pmd: 9, pte: 9},
				va_bits: 32,
				pgdir_shift: 30,
				pmd_shift: 21,
			},
			pmd_size: 0x20_0000,
			huge_page_size: 0x20_0000,
			task_size: 0xc000_0000,
			source: ['arch/x86/include/asm/pgtable-3level_types.h (3.10)'],
		},
		compat: {
			when: 'i386 program on an x86_64 kernel',
			kernel_bits_per_long: 64,
			page_table: {
				levels: 4,
				bits: {pgd: 9, pud: 9, pmd: 9, pte: 9},
				va_bits: 48,
				pgdir_shift: 39,
				pud_shift: 30,
				pmd_shift: 21,
			},
			pmd_size: 0x20_0000,
			huge_page_size: 0x20_0000,
			task_size: 0xffff_e000,
			task_size_rule: '0xffffe000, or 0xc0000000 with personality ADDR_LIMIT_3GB',
			source: ['arch/x86/include/asm/processor.h (3.10)'],
		},
	},
} as const satisfies Memory;

export const x32 = {
	bits_per_long: 32,
	kernel_bits_per_long: 64,
	page_sizes: [4096],
	default_page_size: 4096,
	page_table: {
		levels: 4,
		bits: {pgd: 9, pud: 9, pmd: 9, pte: 9},
		va_bits: 48,
		pgdir_shift: 39,
		pud_shift: 30,
		pmd_shift: 21,
	},
	pmd_size: 0x20_0000,
	huge_page_size: 0x20_0000,
	thp: {
		'3.10': {configurable: true},
		'3.17': {configurable: true},
		source: 'arch/x86/Kconfig: select HAVE_ARCH_TRANSPARENT_HUGEPAGE (3.10, 3.17)',
	},
	task_size: 0xffff_e000,
	task_size_rule: 'IA32_PAGE_OFFSET: 0xffffe000, or 0xc0000000 with personality ADDR_LIMIT_3GB',
	source: [
		'arch/x86/include/asm/pgtable_64_types.h (3.10)',
		'arch/x86/include/asm/processor.h (3.10)',
	],
} as const satisfies Memory;
