import {type Arch, architecture} from '../../include/asm-generic/arch.ts';
import * as memory from './page.ts';
import {_PAGE_NX, protection_map} from './pgtable.ts';

// arch/x86/mm/mmap.c, Linux 3.10 and 3.17: mmap_base() leaves a gap of at least 128 MiB below TASK_SIZE for the stack, which a trace does not
// show, so without randomisation mapping begins there; TASK_UNMAPPED_BASE is PAGE_ALIGN(TASK_SIZE / 3).

export const x86_64: Arch = architecture('x86_64', memory.x86_64, {
	NONCANONICAL: 2 ** 47,
	mmap_base: 0x7fff_f7ff_f000, // docs/trace-format.md
	TASK_UNMAPPED_BASE: 0x2aaa_aaaa_b000,
	protection_map,
	PTE_FILE_MAX_BITS: 46, // __PHYSICAL_MASK_SHIFT
});

/** An i386 kernel without PAE; its entries have no NX bit. */
export const i386: Arch = architecture('i386', memory.i386, {
	mmap_base: 0xb800_0000, // ours, by the rule above
	TASK_UNMAPPED_BASE: 0x4000_0000,
	protection_map: protection_map.map(bits => bits & ~_PAGE_NX),
	PTE_FILE_MAX_BITS: 29,
});

export const x32: Arch = architecture('x32', memory.x32, {
	NONCANONICAL: 2 ** 47,
	mmap_base: 0xf7ff_e000, // ours, by the rule above
	TASK_UNMAPPED_BASE: 0x5555_5000,
	protection_map,
	PTE_FILE_MAX_BITS: 46,
});
