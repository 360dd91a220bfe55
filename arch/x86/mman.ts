import {madvise, map, mempolicy, mlockall, moving, mremap, msync, prot} from '../../include/asm-generic/mman-common.ts';

// arch/x86/include/uapi/asm/mman.h, Linux 3.10 and 3.17
const x86Map = {
	...map,
	MAP_32BIT: 0x40,
} as const;

/** Every name that a trace may write for a number. */
export const symbols: Readonly<Record<string, number>> = {...madvise, ...prot, ...x86Map, ...mremap, ...msync, ...mlockall, ...mempolicy, ...moving};
