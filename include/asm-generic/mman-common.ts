// include/uapi/asm-generic/mman-common.h, Linux 3.10 and 3.17; the last two rows are the patch's (2014-10: P, 2013-05: I)
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
	MADV_USERFAULT:    18,
	MADV_NOUSERFAULT:  19,
	MADV_HWPOISON:    100,
	MADV_SOFT_OFFLINE: 101,
} as const;

export const prot = {
	PROT_NONE:             0x0,
	PROT_READ:             0x1,
	PROT_WRITE:            0x2,
	PROT_EXEC:             0x4,
	PROT_SEM:              0x8,
	PROT_GROWSDOWN: 0x01000000,
	PROT_GROWSUP:   0x02000000,
} as const;

// include/uapi/asm-generic/mman.h for the second half; MAP_32BIT is x86's own
export const map = {
	MAP_FILE:           0x00,
	MAP_SHARED:         0x01,
	MAP_PRIVATE:        0x02,
	MAP_TYPE:           0x0f,
	MAP_FIXED:          0x10,
	MAP_ANONYMOUS:      0x20,
	MAP_UNINITIALIZED:   0x0,
	MAP_GROWSDOWN:    0x0100,
	MAP_DENYWRITE:    0x0800,
	MAP_EXECUTABLE:   0x1000,
	MAP_LOCKED:       0x2000,
	MAP_NORESERVE:    0x4000,
	MAP_POPULATE:     0x8000,
	MAP_NONBLOCK:    0x10000,
	MAP_STACK:       0x20000,
	MAP_HUGETLB:     0x40000,
	MAP_HUGE_SHIFT:       26,
	MAP_HUGE_MASK:      0x3f,
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

// include/uapi/linux/mman.h
export const mremap = {
	MREMAP_MAYMOVE: 1,
	MREMAP_FIXED:   2,
} as const;

// include/uapi/linux/mempolicy.h
export const mempolicy = {
	MPOL_DEFAULT:         0,
	MPOL_PREFERRED:       1,
	MPOL_BIND:            2,
	MPOL_INTERLEAVE:      3,
	MPOL_LOCAL:           4,
	MPOL_MF_STRICT:       1,
	MPOL_MF_MOVE:         2,
	MPOL_MF_MOVE_ALL:     4,
	MPOL_F_STATIC_NODES: 0x8000,
	MPOL_F_RELATIVE_NODES: 0x4000,
} as const;

// mm/fremap.c of the 2014 posting (P); include/uapi/linux/userfaultfd.h of Linux 6.8 and later
export const moving = {
	RAP_ALLOW_SRC_HOLES:              1,
	UFFDIO_MOVE_MODE_DONTWAKE:        1,
	UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES: 2,
} as const;
