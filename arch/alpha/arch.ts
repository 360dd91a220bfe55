import {type Arch, architecture} from '../../include/asm-generic/arch.ts';
import {protection_map} from '../x86/pgtable.ts';
import {alpha as memory} from './page.ts';

// arch/alpha/kernel/osf_sys.c:arch_get_unmapped_area() and include/asm/processor.h, Linux 3.10 and 3.17: bottom-up from TASK_SIZE / 2. Entries
// have the rights of x86's: FOR, FOW and FOE make as many kinds of them. Reclaim, rmap and faults look at nothing else.
export const alpha: Arch = architecture('alpha', memory, {
	mmap_base: 0,
	TASK_UNMAPPED_BASE: 2 ** 41,
	protection_map,
	PTE_FILE_MAX_BITS: 32,
});
