import type {Arch} from '../include/asm-generic/arch.ts';
import type {ArchitectureName} from '../include/linux/abi.ts';
import {alpha} from './alpha/arch.ts';
import * as mips from './mips/arch.ts';
import {parisc} from './parisc/arch.ts';
import * as x86 from './x86/arch.ts';
import {xtensa} from './xtensa/arch.ts';

// Ours: what mm needs to know of each architecture, by the name that a trace has for it.
export const archs: Readonly<Record<ArchitectureName, Arch>> = {
	'x86_64': x86.x86_64, 'i386': x86.i386, 'x32': x86.x32, alpha, 'mips-o32': mips.o32, 'mips-n32': mips.n32, 'mips-n64': mips.n64, parisc, xtensa,
};
