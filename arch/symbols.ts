import {moving} from '../include/asm-generic/mman-common.ts';
import type {Abi, ArchitectureName, Numbers} from '../include/linux/abi.ts';
import type {Revision} from '../include/linux/revision.ts';
import {abis} from './abi.ts';

/** Every name that a trace of an architecture may write for a number: those of the revision's kernel, and the patch's. */
export function symbolsOf(arch: ArchitectureName, {kernel, posting}: Pick<Revision, 'kernel' | 'posting'>): Numbers {
	const of: Abi = abis[arch], {madvise, prot, map, mremap, msync, mlockall, mlock, mempolicy} = of.mman[kernel];
	return {...madvise, ...(posting === null ? {} : of.userfault), ...prot, ...map, ...mremap, ...msync, ...mlockall, ...mlock, ...mempolicy, ...moving};
}
