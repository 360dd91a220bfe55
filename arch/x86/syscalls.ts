// arch/x86/syscalls/syscall_64.tbl, Linux 3.10 and 3.17: what mm answers. The last row is the patch's: 314 in 2013-05 (I), 321 in 2014-10 (P).

/** System calls of mm by number, and the number past which there is none. */
export interface SyscallTable {
	readonly calls: ReadonlyMap<number, string>;
	readonly last: number;
}

const common: readonly (readonly [number, string])[] = [
	[9,   'mmap'],
	[10,  'mprotect'],
	[11,  'munmap'],
	[12,  'brk'],
	[25,  'mremap'],
	[26,  'msync'],
	[27,  'mincore'],
	[28,  'madvise'],
	[149, 'mlock'],
	[150, 'munlock'],
	[151, 'mlockall'],
	[152, 'munlockall'],
	[216, 'remap_file_pages'],
	[237, 'mbind'],
	[256, 'migrate_pages'],
	[279, 'move_pages'],
];

/** By posting: the base kernel's last number is one below the patch's. */
export const x86_64 = {
	'2013-05': {calls: new Map([...common, [314, 'remap_anon_pages']]), last: 314},
	'2014-10': {calls: new Map([...common, [321, 'remap_anon_pages']]), last: 321},
} as const satisfies Record<string, SyscallTable>;
