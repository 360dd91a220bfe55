// include/linux/types.h: what a number means is in its type. All are plain numbers, so that V8 keeps them unboxed.

/** A user address or a length in bytes: an exact number below 2^53; as an argument of a system call see `u64`. */
export type ulong = number;

/** An offset in pages, of a file or of an address space. */
export type pgoff_t = number;

/** 0 or a negated errno of `include/asm-generic/errno.ts`. */
export type errno_t = number;

/** What a system call returns: a `ulong`, or an `errno_t` below 0, or `HANG`. */
export type long = number;

/** `VM_*` bits, up to bit 32: use `flags_test` and its like, since `&` alone loses bit 32. */
export type vm_flags_t = number;

/** The bits of a page-table entry (`_PAGE_*` of `arch/x86/pgtable.ts`), without the frame. */
export type pteval_t = number;

/** Where a page-table entry is: its index in the columns of `PageTables`. */
export type ptep_t = number;

/** A page frame: its index in the columns of `MemMap`; 0 is no page. */
export type pfn_t = number;

/** A swap entry: its slot; 0 is none. */
export type swp_entry_t = number;

/** A signal, 0 for none. */
export type signal_t = number;

/** 2^32. */
export const TWO_32 = 4294967296;

/** 2^64: where an unsigned long of a 64-bit architecture wraps. */
export const TWO_64 = TWO_32 * TWO_32;

/** `VM_FAULT_*` and errno are small; what a call "returns" when it never does lies outside of both. */
export const HANG = -4096 - 1;

/**
 * Makes an unsigned 64-bit argument of its two words.
 *
 * Exact below 2^53. Above, a number cannot hold the bits below bit 11; what the kernel asks about such an argument is only whether
 * it is page-aligned and how large it is, so the offset into the page becomes 0 or half a page.
 */
export function u64(lo: number, hi: number): ulong {
	const low = lo >>> 0, high = hi >>> 0;
	if (high < 0x20_0000) return high * TWO_32 + low;
	return high * TWO_32 + (low - (low & 4095)) + ((low & 4095) === 0 ? 0 : 2048);
}
