import {madvise as common_madvise, mempolicy, mlock, more, mremap, huge} from '../../include/asm-generic/mman-common.ts';
import type {KernelName, Mman} from '../../include/linux/abi.ts';

// arch/parisc/include/uapi/asm/mman.h, Linux 3.10 and 3.17
export const madvise = {
	MADV_NORMAL:       0,
	MADV_RANDOM:       1,
	MADV_SEQUENTIAL:   2,
	MADV_WILLNEED:     3,
	MADV_DONTNEED:     4, // 6 on alpha
	MADV_SPACEAVAIL:   5,
	MADV_VPS_PURGE:    6,
	MADV_VPS_INHERIT:  7,
	MADV_REMOVE:       9,
	MADV_DONTFORK:    10,
	MADV_DOFORK:      11,
	MADV_4K_PAGES:    12, // 12 to 26, even: page sizes, which mm never took
	MADV_16K_PAGES:   14,
	MADV_64K_PAGES:   16,
	MADV_256K_PAGES:  18,
	MADV_1M_PAGES:    20,
	MADV_4M_PAGES:    22,
	MADV_16M_PAGES:   24,
	MADV_64M_PAGES:   26,
	MADV_MERGEABLE:   65, // 12 elsewhere; all below differ too
	MADV_UNMERGEABLE: 66,
	MADV_HUGEPAGE:    67,
	MADV_NOHUGEPAGE:  68,
	MADV_DONTDUMP:    69,
	MADV_DODUMP:      70,
} as const;

export const prot = {
	PROT_NONE:           0x00,
	PROT_READ:           0x01,
	PROT_WRITE:          0x02,
	PROT_EXEC:           0x04,
	PROT_SEM:            0x08,
	PROT_GROWSDOWN: 0x1000000,
	PROT_GROWSUP:   0x2000000,
} as const;

export const map = {
	MAP_FILE:          0x00,
	MAP_VARIABLE:      0x00,
	MAP_SHARED:        0x01,
	MAP_PRIVATE:       0x02,
	MAP_TYPE:          0x03,
	MAP_FIXED:         0x04,
	MAP_ANONYMOUS:     0x10,
	MAP_HUGE_SHIFT:      26,
	MAP_HUGE_MASK:     0x3f,
	MAP_DENYWRITE:    0x800,
	MAP_EXECUTABLE:  0x1000,
	MAP_LOCKED:      0x2000,
	MAP_NORESERVE:   0x4000,
	MAP_GROWSDOWN:   0x8000,
	MAP_POPULATE:   0x10000,
	MAP_NONBLOCK:   0x20000,
	MAP_STACK:      0x40000,
	MAP_HUGETLB:    0x80000,
} as const;

export const msync = {
	MS_SYNC:       1,
	MS_ASYNC:      2,
	MS_INVALIDATE: 4,
} as const;

export const mlockall = {
	MCL_CURRENT: 1,
	MCL_FUTURE:  2,
} as const;

// the patch's two rows of the same file: 2014-07 and 2014-10 P, 2013-05 I
export const userfault = {
	MADV_USERFAULT:   71,
	MADV_NOUSERFAULT: 72,
} as const;

// Linux 7.2: what is new in this file; what every architecture has new is in include/asm-generic/mman-common.ts
// Since 6.2 the advices have the numbers of all others; parisc_madvise() goes on taking the old ones.
const madvise_7_2 = {...common_madvise, ...more.madvise} as const;
const {MAP_VARIABLE: _, ...map_kept} = map;
const map_7_2 = {
	...map_kept,
	...more.map,
	...huge,
	MAP_UNINITIALIZED:       0x00,
	MAP_TYPE:                0x2b,
	MAP_FIXED_NOREPLACE: 0x100000,
} as const;

// arch/parisc/kernel/sys_parisc.c:parisc_madvise(), Linux 6.2 and later: an old number, and what it is taken for
export const accepted_old_values = {
	65: 'MADV_MERGEABLE',
	66: 'MADV_UNMERGEABLE',
	67: 'MADV_HUGEPAGE',
	68: 'MADV_NOHUGEPAGE',
	69: 'MADV_DONTDUMP',
	70: 'MADV_DODUMP',
	71: 'MADV_WIPEONFORK',
	72: 'MADV_KEEPONFORK',
	73: 'MADV_COLLAPSE',
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
