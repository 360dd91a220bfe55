import type {Machine} from './machine.ts';
import type {mm_struct, vm_area_struct} from './mm_types.ts';
import {TWO_32, type pfn_t, type pgoff_t, type pteval_t, type ulong, type vm_flags_t} from './types.ts';

// include/linux/mm.h, Linux 3.10 and 3.17; the last row is the patch's
export const VM_READ         = 0x0000_0001;
export const VM_WRITE        = 0x0000_0002;
export const VM_EXEC         = 0x0000_0004;
export const VM_SHARED       = 0x0000_0008;
export const VM_MAYREAD      = 0x0000_0010;
export const VM_MAYWRITE     = 0x0000_0020;
export const VM_MAYEXEC      = 0x0000_0040;
export const VM_MAYSHARE     = 0x0000_0080;
export const VM_GROWSDOWN    = 0x0000_0100;
export const VM_PFNMAP       = 0x0000_0400;
export const VM_DENYWRITE    = 0x0000_0800;
export const VM_LOCKED       = 0x0000_2000;
export const VM_IO           = 0x0000_4000;
export const VM_SEQ_READ     = 0x0000_8000;
export const VM_RAND_READ    = 0x0001_0000;
export const VM_DONTCOPY     = 0x0002_0000;
export const VM_DONTEXPAND   = 0x0004_0000;
export const VM_ACCOUNT      = 0x0010_0000;
export const VM_NORESERVE    = 0x0020_0000;
export const VM_HUGETLB      = 0x0040_0000;
export const VM_NONLINEAR    = 0x0080_0000;
export const VM_PAT          = 0x0100_0000; // VM_ARCH_1
export const VM_DONTDUMP     = 0x0400_0000;
export const VM_SOFTDIRTY    = 0x0800_0000; // Linux 3.11 and later
export const VM_MIXEDMAP     = 0x1000_0000;
export const VM_HUGEPAGE     = 0x2000_0000;
export const VM_NOHUGEPAGE   = 0x4000_0000;
export const VM_MERGEABLE    = 0x8000_0000;
export const VM_USERFAULT  = 0x1_0000_0000; // 2014-10: P; 2013-05: a bit, which one is not known

export const VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP;
/** VM_ACCOUNT is set where it applies, since accounting counts but never refuses. */
export const VM_DATA_DEFAULT_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
/** What no huge page can be in. */
export const VM_NO_THP = VM_SPECIAL | VM_HUGETLB | VM_SHARED | VM_MAYSHARE | VM_MIXEDMAP;

// sets of flags as numbers: `|`, `&` and `~` on them lose bit 32, so the words are worked on one by one

/** Some of the bits are set. */
export function flags_test(flags: vm_flags_t, bits: vm_flags_t): boolean {
	return ((flags & bits) | ((flags / TWO_32) & (bits / TWO_32))) !== 0;
}

export function flags_or(flags: vm_flags_t, bits: vm_flags_t): vm_flags_t {
	return ((flags / TWO_32) | (bits / TWO_32)) * TWO_32 + ((flags | bits) >>> 0);
}

export function flags_clear(flags: vm_flags_t, bits: vm_flags_t): vm_flags_t {
	return ((flags / TWO_32) & ~(bits / TWO_32)) * TWO_32 + ((flags & ~bits) >>> 0);
}

/** The bits in which two sets differ. */
export function flags_xor(flags: vm_flags_t, other: vm_flags_t): vm_flags_t {
	return ((flags / TWO_32) ^ (other / TWO_32)) * TWO_32 + ((flags ^ other) >>> 0);
}

/** Some of the bits of the vma's flags are set. */
export function vma_test(vma: vm_area_struct, bits: vm_flags_t): boolean {
	return (vma.vm_flags & bits) !== 0 || (bits >= TWO_32 && (vma.vm_flags_high & (bits / TWO_32)) !== 0);
}

export function vma_flags(vma: vm_area_struct): vm_flags_t {
	return vma.vm_flags_high * TWO_32 + (vma.vm_flags >>> 0);
}

export function vma_set_flags(vma: vm_area_struct, flags: vm_flags_t): void {
	vma.vm_flags = flags | 0;
	vma.vm_flags_high = (flags / TWO_32) | 0;
}

// VM_FAULT_*: what handle_mm_fault() returns
export const VM_FAULT_OOM = 0x0001;
export const VM_FAULT_SIGBUS = 0x0002;
export const VM_FAULT_MAJOR = 0x0004;
export const VM_FAULT_WRITE = 0x0008;
export const VM_FAULT_FALLBACK = 0x0800;
export const VM_FAULT_ERROR = VM_FAULT_OOM | VM_FAULT_SIGBUS;

export const FAULT_FLAG_WRITE = 0x01;

// FOLL_*: how get_user_pages looks at a page
export const FOLL_WRITE = 0x01;
export const FOLL_TOUCH = 0x02;
export const FOLL_GET = 0x04;
export const FOLL_DUMP = 0x08;
export const FOLL_FORCE = 0x10;
export const FOLL_MLOCK = 0x40;
export const FOLL_SPLIT = 0x80;
export const FOLL_NUMA = 0x200;

// include/linux/page-flags.h: those that something looks at, and one of ours. Bits 28 to 31 of the column belong to the index.
export const PG_dirty     = 0x0001;
export const PG_swapcache = 0x0002;
export const PG_mlocked   = 0x0004;
export const PG_anon      = 0x0008; // the kernel tells it by the low bit of page->mapping
export const PG_named     = 0x0010; // ours: a name of a recording is bound to the frame
export const PG_head      = 0x0020; // the first page of a huge one
export const PG_node1     = 0x0080; // the frame is one of node 1
export const PG_nid_last  = 0x0100; // page_nid_last() is node 0: a task of that node was the last to take a NUMA hint fault on it
export const PG_ksm       = 0x0040; // the kernel tells it by the second bit of page->mapping, which then names a stable node
const INDEX_HIGH = 0xf000_0000 | 0;

export function PageAnon(m: Machine, page: pfn_t): boolean {
	return (m.mem_map.flags[page]! & PG_anon) !== 0;
}

export function PageSwapCache(m: Machine, page: pfn_t): boolean {
	return (m.mem_map.flags[page]! & PG_swapcache) !== 0;
}

export function PageKsm(m: Machine, page: pfn_t): boolean {
	return (m.mem_map.flags[page]! & PG_ksm) !== 0;
}

/** The page is a huge one. */
export function PageTransHuge(m: Machine, page: pfn_t): boolean {
	return (m.mem_map.flags[page]! & PG_head) !== 0;
}

/** The node that a frame belongs to: 0 or 1. */
export function page_to_nid(m: Machine, page: pfn_t): number {
	return (m.mem_map.flags[page]! & PG_node1) !== 0 ? 1 : 0;
}

export function PageMlocked(m: Machine, page: pfn_t): boolean {
	return (m.mem_map.flags[page]! & PG_mlocked) !== 0;
}

export function PageDirty(m: Machine, page: pfn_t): boolean {
	return (m.mem_map.flags[page]! & PG_dirty) !== 0;
}

export function SetPageDirty(m: Machine, page: pfn_t): void {
	m.mem_map.flags[page]! |= PG_dirty;
}

export function page_mapcount(m: Machine, page: pfn_t): number {
	return m.mem_map._mapcount[page]!;
}

export function page_mapped(m: Machine, page: pfn_t): boolean {
	return m.mem_map._mapcount[page]! !== 0;
}

export function page_index(m: Machine, page: pfn_t): pgoff_t {
	return (m.mem_map.flags[page]! >>> 28) * TWO_32 + (m.mem_map.index[page]! >>> 0);
}

/** @param index - below 2^36, which every user address is in pages */
export function set_page_index(m: Machine, page: pfn_t, index: pgoff_t): void {
	const {mem_map} = m;
	mem_map.index[page] = index | 0;
	mem_map.flags[page] = (mem_map.flags[page]! & ~INDEX_HIGH) | ((index / TWO_32) << 28);
}

/** Gives a page its anon_vma: what makes it anonymous. */
export function set_page_anon_mapping(m: Machine, page: pfn_t, id: number): void {
	m.mem_map.mapping[page] = id;
	m.mem_map.flags[page]! |= PG_anon;
}

export function get_page(m: Machine, page: pfn_t): void {
	m.mem_map._count[page]!++;
}

/** The page offset that an address of a vma stands for. */
export function linear_page_index(vma: vm_area_struct, address: ulong): pgoff_t {
	return Math.floor((address - vma.vm_start) * vma.vm_mm.arch.PAGE_INVERSE) + vma.vm_pgoff;
}

/** In pages. */
export function vma_pages(vma: vm_area_struct): number {
	return (vma.vm_end - vma.vm_start) / vma.vm_mm.arch.PAGE_SIZE;
}

export function is_cow_mapping(vma: vm_area_struct): boolean {
	return (vma.vm_flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
}

/** The page at the low end of a stack vma that /proc and mlock leave out. */
export function stack_guard_page_start(vma: vm_area_struct, addr: ulong): boolean {
	return vma_test(vma, VM_GROWSDOWN) && vma.vm_start === addr && !vma_growsdown(vma.vm_prev, addr);
}

/** The vma is a stack that ends where the other begins: the same stack that was split. */
function vma_growsdown(vma: vm_area_struct | null, addr: ulong): boolean {
	return vma !== null && vma.vm_end === addr && vma_test(vma, VM_GROWSDOWN);
}

/** Rights of entries, by the flags of their vma. */
export function vm_get_page_prot(mm: mm_struct, flags: vm_flags_t): pteval_t {
	return mm.arch.protection_map[flags & (VM_READ | VM_WRITE | VM_EXEC | VM_SHARED)]!;
}

export function add_mm_counter(mm: mm_struct, member: number, value: number): void {
	mm.rss_stat[member]! += value;
}

export function inc_mm_counter(mm: mm_struct, member: number): void {
	mm.rss_stat[member]!++;
}

export function dec_mm_counter(mm: mm_struct, member: number): void {
	mm.rss_stat[member]!--;
}

/** Rounds down to a page. Exact also for arguments above 2^53 that `u64` made. */
export function page_down(mm: mm_struct, x: ulong): ulong {
	return x - (x & (mm.arch.PAGE_SIZE - 1));
}

/** Rounds up to a page, and wraps as the kernel's unsigned long does. */
export function PAGE_ALIGN(mm: mm_struct, x: ulong): ulong {
	const offset = x & (mm.arch.PAGE_SIZE - 1);
	return offset === 0 ? x : wrap(mm, x - offset + mm.arch.PAGE_SIZE);
}

/** The address is not page-aligned. */
export function offset_in_page(mm: mm_struct, x: ulong): boolean {
	return (x & (mm.arch.PAGE_SIZE - 1)) !== 0;
}

/** What is left of a sum in an unsigned long. */
export function wrap(mm: mm_struct, sum: number): ulong {
	return sum >= mm.arch.ULONG_RANGE ? sum - mm.arch.ULONG_RANGE : sum;
}
