import {mempolicy, mlock, more, mremap, huge} from '../../include/asm-generic/mman-common.ts';
import type {KernelName, Mman} from '../../include/linux/abi.ts';

// arch/mips/include/uapi/asm/mman.h, Linux 3.10 and 3.17
export const madvise = {
	MADV_NORMAL:        0,
	MADV_RANDOM:        1,
	MADV_SEQUENTIAL:    2,
	MADV_WILLNEED:      3,
	MADV_DONTNEED:      4,
	MADV_REMOVE:        9,
	MADV_DONTFORK:     10,
	MADV_DOFORK:       11,
	MADV_MERGEABLE:    12,
	MADV_UNMERGEABLE:  13,
	MADV_HUGEPAGE:     14,
	MADV_NOHUGEPAGE:   15,
	MADV_DONTDUMP:     16,
	MADV_DODUMP:       17,
	MADV_HWPOISON:    100,
} as const;

export const prot = {
	PROT_NONE:           0x00,
	PROT_READ:           0x01,
	PROT_WRITE:          0x02,
	PROT_EXEC:           0x04,
	PROT_SEM:            0x10,
	PROT_GROWSDOWN: 0x1000000,
	PROT_GROWSUP:   0x2000000,
} as const;

export const map = {
	MAP_FILE:          0x00,
	MAP_SHARED:        0x01,
	MAP_PRIVATE:       0x02,
	MAP_TYPE:          0x0f,
	MAP_FIXED:         0x10,
	MAP_HUGE_SHIFT:      26,
	MAP_RENAME:        0x20,
	MAP_HUGE_MASK:     0x3f,
	MAP_AUTOGROW:      0x40,
	MAP_LOCAL:         0x80,
	MAP_AUTORSRV:     0x100,
	MAP_NORESERVE:    0x400,
	MAP_ANONYMOUS:    0x800,
	MAP_GROWSDOWN:   0x1000,
	MAP_DENYWRITE:   0x2000,
	MAP_EXECUTABLE:  0x4000,
	MAP_LOCKED:      0x8000,
	MAP_POPULATE:   0x10000,
	MAP_NONBLOCK:   0x20000,
	MAP_STACK:      0x40000,
	MAP_HUGETLB:    0x80000,
} as const;

export const msync = {
	MS_ASYNC:      1,
	MS_INVALIDATE: 2,
	MS_SYNC:       4,
} as const;

export const mlockall = {
	MCL_CURRENT: 1,
	MCL_FUTURE:  2,
} as const;

// the patch's two rows of the same file: 2014-07 and 2014-10 P, 2013-05 I
export const userfault = {
	MADV_USERFAULT:   18,
	MADV_NOUSERFAULT: 19,
} as const;

// Linux 7.2: what is new in this file; what every architecture has new is in include/asm-generic/mman-common.ts
const madvise_7_2 = {...madvise, ...more.madvise} as const;
const map_7_2 = {
	...map,
	...more.map,
	...huge,
	MAP_FIXED_NOREPLACE: 0x100000,
} as const;
const mlockall_7_2 = {
	...mlockall,
	MCL_ONFAULT: 4,
} as const;

const base = {madvise, prot, map, mremap, msync, mlockall, mlock: {}, mempolicy} as const satisfies Mman;

export const mman = {
	'3.10': base,
	'3.17': base,
	'7.2': {...base, madvise: madvise_7_2, map: map_7_2, mremap: {...mremap, ...more.mremap}, mlockall: mlockall_7_2, mlock},
} as const satisfies Record<KernelName, Mman>;
