import {type Arch, architecture} from '../../include/asm-generic/arch.ts';
import {protection_map} from '../x86/pgtable.ts';
import {xtensa as memory} from './page.ts';

// arch/xtensa/include/asm/processor.h, Linux 3.10 and 3.17: bottom-up from TASK_SIZE / 2
export const xtensa: Arch = architecture('xtensa', memory, {
	mmap_base: 0,
	TASK_UNMAPPED_BASE: 0x2000_0000,
	protection_map,
	PTE_FILE_MAX_BITS: 28, // 26 in 3.17
});
