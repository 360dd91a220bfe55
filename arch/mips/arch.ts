import {type Arch, architecture} from '../../include/asm-generic/arch.ts';
import {_PAGE_NX, protection_map as x86_protection_map} from '../x86/pgtable.ts';
import * as memory from './page.ts';

// arch/mips/mm/mmap.c, Linux 3.10 and 3.17: mmap_base() leaves 128 MiB below TASK_SIZE, so without randomisation mapping begins there (which is
// ours to say: no recording has it); TASK_UNMAPPED_BASE is PAGE_ALIGN(TASK_SIZE / 3). A processor without RIXI does not know what not to execute.
const protection_map = x86_protection_map.map(bits => bits & ~_PAGE_NX);

export const o32: Arch = architecture('mips-o32', memory.o32, {mmap_base: 0x77ff_8000, TASK_UNMAPPED_BASE: 0x2aaa_8000, protection_map, PTE_FILE_MAX_BITS: 28});

export const n32: Arch = architecture('mips-n32', memory.n32, {mmap_base: 0x77ff_8000, TASK_UNMAPPED_BASE: 0x2aaa_8000, protection_map, PTE_FILE_MAX_BITS: 46});

/** @model A page offset has 46 bits in an entry of the model, not the 56 of the kernel's. */
export const n64: Arch = architecture('mips-n64', memory.n64, {
	mmap_base: 0xff_f800_0000, TASK_UNMAPPED_BASE: 0x55_5555_6000, protection_map, PTE_FILE_MAX_BITS: 46,
});
