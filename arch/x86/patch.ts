import type {Patch, PostingName} from '../../include/linux/abi.ts';

// The rows that each posting adds to arch/x86/syscalls/syscall_64.tbl and syscall_32.tbl: 2013-05 I, the first free numbers of 3.9 and 3.10; the
// later ones P. The rows of syscall_64.tbl are `common`, so x32 has the calls, too, with bit 30.
export const patch_x86_64 = {
	'2013-05':    {remap_anon_pages: 314, userfaultfd: null},
	'2014-07':    {remap_anon_pages: 317, userfaultfd: 318},
	'2014-10':    {remap_anon_pages: 321, userfaultfd: 322},
	'later-tree': {remap_anon_pages: 323, userfaultfd: 324},
} as const satisfies Record<PostingName, Patch>;

export const patch_x32 = {
	'2013-05':    {remap_anon_pages: 0x4000_013a, userfaultfd: null},
	'2014-07':    {remap_anon_pages: 0x4000_013d, userfaultfd: 0x4000_013e},
	'2014-10':    {remap_anon_pages: 0x4000_0141, userfaultfd: 0x4000_0142},
	'later-tree': {remap_anon_pages: 0x4000_0143, userfaultfd: 0x4000_0144},
} as const satisfies Record<PostingName, Patch>;

export const patch_i386 = {
	'2013-05':    {remap_anon_pages: 351, userfaultfd: null},
	'2014-07':    {remap_anon_pages: 354, userfaultfd: 355},
	'2014-10':    {remap_anon_pages: 357, userfaultfd: 358},
	'later-tree': {remap_anon_pages: 359, userfaultfd: 360},
} as const satisfies Record<PostingName, Patch>;

/** powerpc is no ABI of these tables; patch 16 of 17 of 2014-10 gives it these (P). */
export const patch_powerpc = {remap_anon_pages: 361, userfaultfd: 362} as const;

/** Where each posting's numbers are from. */
export const patch_source = {
	'2013-05':    {letter: 'I', source: 'first free numbers of arch/x86/syscalls/syscall_{64,32}.tbl (3.9/3.10)'},
	'2014-07':    {letter: 'P', source: '1404319816-30229, patches 1 to 10, against 3.15/3.16'},
	'2014-10':    {letter: 'P', source: '1412356087-16115, patch 12 of 17, against 3.17'},
	'later-tree': {letter: 'P', source: 'arch/x86/syscalls/syscall_{64,32}.tbl of the author\'s own tree, on 3.18'},
} as const satisfies Record<PostingName, object>;
