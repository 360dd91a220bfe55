import {type Arch, architecture} from '../../include/asm-generic/arch.ts';
import {protection_map} from '../x86/pgtable.ts';
import {parisc as memory} from './page.ts';

// arch/parisc/kernel/sys_parisc.c:arch_get_unmapped_area(), Linux 3.10: bottom-up from DEFAULT_MAP_BASE. (3.17 looks top-down first; no recording
// has either, so this is ours to say.) A stack grows up, so MAP_GROWSDOWN has no meaning for the processor's own accesses.
export const parisc: Arch = architecture('parisc', memory, {
	mmap_base: 0,
	TASK_UNMAPPED_BASE: 0x4000_0000,
	protection_map,
	PTE_FILE_MAX_BITS: 21, // BITS_PER_LONG - PTE_SHIFT
});
