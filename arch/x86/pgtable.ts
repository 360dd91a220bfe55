import type {pteval_t} from '../../include/linux/types.ts';

// arch/x86/include/asm/pgtable_types.h, Linux 3.10 and 3.17. An entry is two columns, bits and frame, so a bit needs its name and not
// its place: bits 0 to 11 are where the processor has them, those of the upper half of the kernel's word are put above.
export const _PAGE_PRESENT     = 0x0001;
export const _PAGE_RW          = 0x0002;
export const _PAGE_USER        = 0x0004;
export const _PAGE_ACCESSED    = 0x0020;
export const _PAGE_DIRTY       = 0x0040;
export const _PAGE_PSE         = 0x0080; // a huge pmd
export const _PAGE_PROTNONE    = 0x0100; // _PAGE_GLOBAL of an entry that is not present
export const _PAGE_SPECIAL     = 0x0200; // no struct page: the zero page
export const _PAGE_SOFT_DIRTY  = 0x0800; // Linux 3.11 and later
export const _PAGE_NX          = 0x1000; // bit 63
/**
 * With _PAGE_PRESENT clear: NUMA balancing has made the entry fault. Linux 3.10 uses _PAGE_PROTNONE for it, and 3.17 _PAGE_SPECIAL; a bit of its own
 * keeps both apart from those.
 */
export const _PAGE_NUMA        = 0x4000;
// entries that are not present
export const _PAGE_SWP_SOFT_DIRTY = 0x0080; // the place of _PAGE_PSE
export const _PAGE_FILE        = 0x2_0000; // a nonlinear entry: its page offset is the frame, and bits 18 and up of the bits
export const _PAGE_SWAP        = 0x2000; // ours: the frame is a swap slot; the kernel tells it by the absence of the other bits
export const _PAGE_MIGRATION   = 0x8000; // ours: the frame is a page that is moving to another one; with _PAGE_RW, a writable entry comes back

/** What pte_modify() keeps: everything but the rights. */
export const _PAGE_CHG_MASK = _PAGE_SPECIAL | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_SOFT_DIRTY;

const PAGE_NONE = _PAGE_PROTNONE | _PAGE_ACCESSED;
const PAGE_READONLY = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_NX;
const PAGE_READONLY_EXEC = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED;
const PAGE_COPY = PAGE_READONLY;
const PAGE_COPY_EXEC = PAGE_READONLY_EXEC;
const PAGE_SHARED = _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_NX;
const PAGE_SHARED_EXEC = _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED;

/** `__P000` to `__S111`: by VM_READ, VM_WRITE, VM_EXEC and VM_SHARED. */
export const protection_map: readonly pteval_t[] = [
	// ---      r--            -w-          rw-          --x                 r-x                 -wx               rwx
	PAGE_NONE, PAGE_READONLY, PAGE_COPY,   PAGE_COPY,   PAGE_READONLY_EXEC, PAGE_READONLY_EXEC, PAGE_COPY_EXEC,   PAGE_COPY_EXEC,
	PAGE_NONE, PAGE_READONLY, PAGE_SHARED, PAGE_SHARED, PAGE_READONLY_EXEC, PAGE_READONLY_EXEC, PAGE_SHARED_EXEC, PAGE_SHARED_EXEC,
];
