// include/uapi/asm-generic/mman-common.h, Linux 3.10 and 3.17
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
	MADV_SOFT_OFFLINE: 101,
} as const;

// the patch's two rows of the same file: 2014-07 and 2014-10 P, 2013-05 I
export const userfault = {
	MADV_USERFAULT:   18,
	MADV_NOUSERFAULT: 19,
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

// include/uapi/asm-generic/mman.h from MAP_GROWSDOWN to MAP_HUGETLB
export const map = {
	MAP_FILE:           0x00,
	MAP_SHARED:         0x01,
	MAP_PRIVATE:        0x02,
	MAP_TYPE:           0x0f,
	MAP_FIXED:          0x10,
	MAP_ANONYMOUS:      0x20,
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
	// with CONFIG_MMAP_ALLOW_UNINITIALIZED, which needs a machine without MMU; otherwise 0
	MAP_UNINITIALIZED: 0x4000000,
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

// include/uapi/linux/mempolicy.h: modes, flags of get_mempolicy, flags of mbind, flags of modes
export const mempolicy = {
	MPOL_DEFAULT:         0,
	MPOL_PREFERRED:       1,
	MPOL_BIND:            2,
	MPOL_INTERLEAVE:      3,
	MPOL_LOCAL:           4,
	MPOL_F_NODE:          1,
	MPOL_F_ADDR:          2,
	MPOL_F_MEMS_ALLOWED:  4,
	MPOL_MF_STRICT:       1,
	MPOL_MF_MOVE:         2,
	MPOL_MF_MOVE_ALL:     4,
	MPOL_MF_LAZY:         8,
	MPOL_F_STATIC_NODES: 0x8000,
	MPOL_F_RELATIVE_NODES: 0x4000,
} as const;

// mm/fremap.c of the 2014 postings (P), as much as 2014-10 and 2014-07 have it; include/uapi/linux/userfaultfd.h of Linux 6.8 and later
export const moving = {
	RAP_ALLOW_SRC_HOLES:              1,
	UFFDIO_MOVE_MODE_DONTWAKE:        1,
	UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES: 2,
} as const;

// Linux 7.2: what include/uapi/asm-generic/mman-common.h (madvise), asm-generic/mman.h (mlockall) and linux/mman.h (the rest) have more. The files
// of the other architectures have the same rows, but for what their own tables say.
export const more = {
	madvise: {
		MADV_FREE:              8,
		MADV_WIPEONFORK:       18,
		MADV_KEEPONFORK:       19,
		MADV_COLD:             20,
		MADV_PAGEOUT:          21,
		MADV_POPULATE_READ:    22,
		MADV_POPULATE_WRITE:   23,
		MADV_DONTNEED_LOCKED:  24,
		MADV_COLLAPSE:         25,
		MADV_GUARD_INSTALL:   102,
		MADV_GUARD_REMOVE:    103,
	},
	map: {
		MAP_SHARED_VALIDATE: 0x03,
		MAP_DROPPABLE:       0x08,
	},
	mremap: {
		MREMAP_DONTUNMAP: 4,
	},
	mlockall: {
		MCL_ONFAULT: 4,
	},
} as const;

// include/uapi/linux/mman.h, Linux 7.2: flags of mlock2
export const mlock = {
	MLOCK_ONFAULT: 1,
} as const;

// include/uapi/asm-generic/hugetlb_encode.h by way of include/uapi/linux/mman.h, Linux 7.2: a size is its binary logarithm, from bit 26
export const huge = {
	MAP_HUGE_16KB:  0x3800_0000,
	MAP_HUGE_64KB:  0x4000_0000,
	MAP_HUGE_512KB: 0x4c00_0000,
	MAP_HUGE_1MB:   0x5000_0000,
	MAP_HUGE_2MB:   0x5400_0000,
	MAP_HUGE_8MB:   0x5c00_0000,
	MAP_HUGE_16MB:  0x6000_0000,
	MAP_HUGE_32MB:  0x6400_0000,
	MAP_HUGE_256MB: 0x7000_0000,
	MAP_HUGE_512MB: 0x7400_0000,
	MAP_HUGE_1GB:   0x7800_0000,
	MAP_HUGE_2GB:   0x7c00_0000,
	MAP_HUGE_16GB:  0x8800_0000,
} as const;
