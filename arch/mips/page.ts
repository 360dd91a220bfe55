import type {Memory} from '../../include/linux/abi.ts';

// Pages, page tables and TASK_SIZE as the default configuration has them; Linux 3.10 and 3.17, from the files under `source`.

export const o32 = {
	bits_per_long: 32,
	kernel_bits_per_long: 32,
	page_sizes: [4096, 8192, 16384, 32768, 65536],
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
		source: 'arch/mips/Kconfig: select HAVE_ARCH_TRANSPARENT_HUGEPAGE if CPU_SUPPORTS_HUGEPAGES && 64BIT (3.10, 3.17): not on a 32-bit kernel',
	},
	task_size: 0x7fff_8000,
	task_size_rule: '0x7fff8000; 0x3fff8000 with CONFIG_KVM_GUEST',
	source: [
		'arch/mips/Kconfig (3.10): default PAGE_SIZE_4KB',
		'arch/mips/include/asm/page.h (3.10)',
		'arch/mips/include/asm/pgtable-32.h (3.10)',
		'arch/mips/include/asm/processor.h (3.10)',
	],
	note: 'bits are for 4 KiB pages and 32-bit ptes; with CONFIG_64BIT_PHYS_ADDR a pte is 8 bytes (pgd 11, pte 9)',
	variants: {
		compat: {
			when: 'o32 program on a 64-bit kernel',
			kernel_bits_per_long: 64,
			page_table: {
				levels: 3,
				bits: {pgd: 10, pmd: 9, pte: 9},
				va_bits: 40,
				pgdir_shift: 30,
				pmd_shift: 21,
			},
			pmd_size: 0x20_0000,
			huge_page_size: 0x20_0000,
			thp: {
				'3.10': {configurable: true, condition: 'CPU_SUPPORTS_HUGEPAGES'},
				'3.17': {configurable: true, condition: 'CPU_SUPPORTS_HUGEPAGES'},
				source: 'arch/mips/Kconfig: select HAVE_ARCH_TRANSPARENT_HUGEPAGE if CPU_SUPPORTS_HUGEPAGES && 64BIT (3.10, 3.17)',
			},
			task_size: 0x7fff_8000,
			task_size_rule: 'TASK_SIZE32',
			source: [
				'arch/mips/include/asm/page.h (3.10)',
				'arch/mips/include/asm/pgtable-64.h (3.10)',
				'arch/mips/include/asm/processor.h (3.10)',
			],
		},
	},
} as const satisfies Memory;

export const n32 = {
	bits_per_long: 32,
	kernel_bits_per_long: 64,
	page_sizes: [4096, 8192, 16384, 32768, 65536],
	default_page_size: 4096,
	page_table: {
		levels: 3,
		bits: {pgd: 10, pmd: 9, pte: 9},
		va_bits: 40,
		pgdir_shift: 30,
		pmd_shift: 21,
	},
	pmd_size: 0x20_0000,
	huge_page_size: 0x20_0000,
	huge_page_size_by_page_size: {'4096': 2097152, '8192': 8388608, '16384': 33554432, '32768': 134217728, '65536': 536870912},
	thp: {
		'3.10': {configurable: true, condition: 'CPU_SUPPORTS_HUGEPAGES'},
		'3.17': {configurable: true, condition: 'CPU_SUPPORTS_HUGEPAGES'},
		source: 'arch/mips/Kconfig: select HAVE_ARCH_TRANSPARENT_HUGEPAGE if CPU_SUPPORTS_HUGEPAGES && 64BIT (3.10, 3.17)',
	},
	task_size: 0x7fff_8000,
	task_size_rule: 'TASK_SIZE32 (TIF_32BIT_ADDR is set)',
	source: [
		'arch/mips/Kconfig (3.10): default PAGE_SIZE_4KB',
		'arch/mips/include/asm/page.h (3.10)',
		'arch/mips/include/asm/pgtable-64.h (3.10)',
		'arch/mips/include/asm/processor.h (3.10)',
	],
} as const satisfies Memory;

export const n64 = {
	bits_per_long: 64,
	kernel_bits_per_long: 64,
	page_sizes: [4096, 8192, 16384, 32768, 65536],
	default_page_size: 4096,
	page_table: {
		levels: 3,
		bits: {pgd: 10, pmd: 9, pte: 9},
		va_bits: 40,
		pgdir_shift: 30,
		pmd_shift: 21,
	},
	pmd_size: 0x20_0000,
	huge_page_size: 0x20_0000,
	huge_page_size_by_page_size: {'4096': 2097152, '8192': 8388608, '16384': 33554432, '32768': 134217728, '65536': 536870912},
	thp: {
		'3.10': {configurable: true, condition: 'CPU_SUPPORTS_HUGEPAGES'},
		'3.17': {configurable: true, condition: 'CPU_SUPPORTS_HUGEPAGES'},
		source: 'arch/mips/Kconfig: select HAVE_ARCH_TRANSPARENT_HUGEPAGE if CPU_SUPPORTS_HUGEPAGES && 64BIT (3.10, 3.17)',
	},
	task_size: 0x100_0000_0000,
	task_size_rule: 'TASK_SIZE64 = 1 << 40',
	source: [
		'arch/mips/Kconfig (3.10): default PAGE_SIZE_4KB',
		'arch/mips/include/asm/page.h (3.10)',
		'arch/mips/include/asm/pgtable-64.h (3.10)',
		'arch/mips/include/asm/processor.h (3.10)',
	],
} as const satisfies Memory;
