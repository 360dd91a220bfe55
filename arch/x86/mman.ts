import {huge, madvise, map as generic_map, mempolicy, mlock, mlockall, more, mremap, msync, prot, userfault} from '../../include/asm-generic/mman-common.ts';
import type {KernelName, Mman} from '../../include/linux/abi.ts';

export {userfault};

// arch/x86/include/uapi/asm/mman.h, Linux 3.10 and 3.17; everything else is asm-generic's
export const map = {
	...generic_map,
	MAP_32BIT:           0x40,
	MAP_HUGE_2MB: 0x5400_0000,
	MAP_HUGE_1GB: 0x7800_0000,
} as const;

// Linux 7.2: MAP_ABOVE4G in the same file, MAP_SYNC and MAP_FIXED_NOREPLACE in asm-generic's
const map_7_2 = {
	...map,
	...more.map,
	...huge,
	MAP_ABOVE4G:             0x80,
	MAP_SYNC:             0x80000,
	MAP_FIXED_NOREPLACE: 0x100000,
} as const;

const base = {madvise, prot, map, mremap, msync, mlockall, mlock: {}, mempolicy} as const satisfies Mman;

export const mman = {
	'3.10': base,
	'3.17': base,
	'7.2': {
		...base, madvise: {...madvise, ...more.madvise}, map: map_7_2, mremap: {...mremap, ...more.mremap}, mlockall: {...mlockall, ...more.mlockall}, mlock,
	},
} as const satisfies Record<KernelName, Mman>;
