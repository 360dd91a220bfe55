import {
	_PAGE_ACCESSED, _PAGE_CHG_MASK, _PAGE_DIRTY, _PAGE_FILE, _PAGE_MIGRATION, _PAGE_NUMA, _PAGE_NX, _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_PSE, _PAGE_RW,
	_PAGE_SOFT_DIRTY, _PAGE_SPECIAL, _PAGE_SWAP, _PAGE_SWP_SOFT_DIRTY,
} from '../../arch/x86/pgtable.ts';
import type {Machine} from '../linux/machine.ts';
import {type mm_struct, WALKS} from '../linux/mm_types.ts';
import {pmd_lock, pmd_lock_nested, pmd_unlock} from '../linux/lockdep.ts';
import {TWO_32, type pfn_t, type pgoff_t, type ptep_t, type pteval_t, type swp_entry_t, type ulong} from '../linux/types.ts';

// Entries and walks. An entry's value is its bits; the frame is read and written beside them. What is only read off the bits takes them, as
// the kernel's accessors take a pte_t; what changes an entry takes the machine and the place.

export function pte_none(bits: pteval_t): boolean {
	return bits === 0;
}

export function pte_present(bits: pteval_t): boolean {
	return (bits & (_PAGE_PRESENT | _PAGE_PROTNONE | _PAGE_NUMA)) !== 0;
}

/** The entry maps a page and faults all the same, so that NUMA balancing sees who uses it: pte_numa(), pmd_numa(). */
export function pte_numa(bits: pteval_t): boolean {
	return (bits & _PAGE_NUMA) !== 0;
}

/** pte_mknuma(), pmd_mknuma(). */
export function pte_mknuma(bits: pteval_t): pteval_t {
	return (bits & ~_PAGE_PRESENT) | _PAGE_NUMA;
}

/** pte_mknonnuma(), pmd_mknonnuma(): the entry is young then. */
export function pte_mknonnuma(bits: pteval_t): pteval_t {
	return (bits & ~_PAGE_NUMA) | _PAGE_PRESENT | _PAGE_ACCESSED;
}

export function pte_write(bits: pteval_t): boolean {
	return (bits & _PAGE_RW) !== 0;
}

export function pte_dirty(bits: pteval_t): boolean {
	return (bits & _PAGE_DIRTY) !== 0;
}

export function pte_young(bits: pteval_t): boolean {
	return (bits & _PAGE_ACCESSED) !== 0;
}

export function pte_exec(bits: pteval_t): boolean {
	return (bits & _PAGE_NX) === 0;
}

export function pte_special(bits: pteval_t): boolean {
	return (bits & _PAGE_SPECIAL) !== 0;
}

export function pte_mkwrite(bits: pteval_t): pteval_t {
	return bits | _PAGE_RW;
}

export function pte_wrprotect(bits: pteval_t): pteval_t {
	return bits & ~_PAGE_RW;
}

/** Where there are soft-dirty bits, a dirty entry is soft-dirty. */
export function pte_mkdirty(m: Machine, bits: pteval_t): pteval_t {
	return bits | _PAGE_DIRTY | (m.rev.soft_dirty ? _PAGE_SOFT_DIRTY : 0);
}

export function pte_mkclean(bits: pteval_t): pteval_t {
	return bits & ~_PAGE_DIRTY;
}

export function pte_mkyoung(bits: pteval_t): pteval_t {
	return bits | _PAGE_ACCESSED;
}

export function pte_mkold(bits: pteval_t): pteval_t {
	return bits & ~_PAGE_ACCESSED;
}

export function pte_mkspecial(bits: pteval_t): pteval_t {
	return bits | _PAGE_SPECIAL;
}

/** Gives an entry other rights: it keeps what _PAGE_CHG_MASK says, so it loses the right to write until a fault gives it back. */
export function pte_modify(bits: pteval_t, newprot: pteval_t): pteval_t {
	return (bits & _PAGE_CHG_MASK) | (newprot & ~_PAGE_CHG_MASK);
}

export function pte_swp_soft_dirty(bits: pteval_t): boolean {
	return (bits & _PAGE_SWP_SOFT_DIRTY) !== 0;
}

/** The bits of an entry that holds a swap slot. */
export const SWP_PTE: pteval_t = _PAGE_SWAP;

export function pte_swp_mksoft_dirty(bits: pteval_t): pteval_t {
	return bits | _PAGE_SWP_SOFT_DIRTY;
}

export function is_swap_pte(bits: pteval_t): boolean {
	return (bits & _PAGE_SWAP) !== 0;
}

/** The bits of an entry whose frame is a page that is moving: make_migration_entry(). */
export function migrationEntry(write: boolean): pteval_t {
	return write ? _PAGE_MIGRATION | _PAGE_RW : _PAGE_MIGRATION;
}

export function is_migration_entry(bits: pteval_t): boolean {
	return (bits & _PAGE_MIGRATION) !== 0;
}

/** A writable entry comes back. */
export function is_write_migration_entry(bits: pteval_t): boolean {
	return (bits & (_PAGE_MIGRATION | _PAGE_RW)) === (_PAGE_MIGRATION | _PAGE_RW);
}

export function pte_to_swp_entry(m: Machine, ptep: ptep_t): swp_entry_t {
	return m.tables.frame[ptep]!;
}

// nonlinear entries, which say which page of the file belongs there

export function pte_file(bits: pteval_t): boolean {
	return (bits & _PAGE_FILE) !== 0;
}

export function pte_file_soft_dirty(bits: pteval_t): boolean {
	return (bits & _PAGE_SOFT_DIRTY) !== 0;
}

/** Makes an entry that holds a page offset. @param soft_dirty - as the kernel has such bits */
export function set_pte_file(m: Machine, ptep: ptep_t, pgoff: pgoff_t, soft_dirty: boolean): void {
	const high = Math.floor(pgoff / TWO_32);
	set_pte_at(m, ptep, _PAGE_FILE | (soft_dirty && m.rev.soft_dirty ? _PAGE_SOFT_DIRTY : 0) | (high << 18), pgoff | 0);
}

export function pte_to_pgoff(m: Machine, ptep: ptep_t): pgoff_t {
	return (m.tables.bits[ptep]! >>> 18) * TWO_32 + (m.tables.frame[ptep]! >>> 0);
}

/** The bits at a place. */
export function ptep_get(m: Machine, ptep: ptep_t): pteval_t {
	return m.tables.bits[ptep]!;
}

export function pte_pfn(m: Machine, ptep: ptep_t): pfn_t {
	return m.tables.frame[ptep]!;
}

export function set_pte_at(m: Machine, ptep: ptep_t, bits: pteval_t, frame: number): void {
	m.tables.bits[ptep] = bits;
	m.tables.frame[ptep] = frame;
}

/** Changes the bits and leaves the frame. */
export function set_pte_bits(m: Machine, ptep: ptep_t, bits: pteval_t): void {
	m.tables.bits[ptep] = bits;
}

export function pte_clear(m: Machine, ptep: ptep_t): void {
	m.tables.bits[ptep] = 0;
	m.tables.frame[ptep] = 0;
}

export function pte_same(m: Machine, ptep: ptep_t, bits: pteval_t, frame: number): boolean {
	return m.tables.bits[ptep] === bits && m.tables.frame[ptep] === frame;
}

/** The table that holds an entry, by which its lock goes. */
export function table_of(m: Machine, ptep: ptep_t): number {
	return ptep >> m.tables.shift;
}

// directories: an entry holds the table of the next level

export function pgd_offset(mm: mm_struct, address: ulong): ptep_t {
	return (mm.pgd << mm.machine.tables.shift) + Math.floor(address / mm.arch.PGDIR_SIZE);
}

export function pud_offset(mm: mm_struct, pgd: ptep_t, address: ulong): ptep_t {
	const {tables} = mm.machine;
	return (tables.frame[pgd]! << tables.shift) + ((address / mm.arch.PUD_SIZE) & (mm.arch.PTRS_PER_PUD - 1));
}

export function pmd_offset(mm: mm_struct, pud: ptep_t, address: ulong): ptep_t {
	const {tables} = mm.machine;
	return (tables.frame[pud]! << tables.shift) + ((address * mm.arch.PMD_INVERSE) & (mm.arch.PTRS_PER_PMD - 1));
}

/** The place of the pte of an address in the table that a pmd entry holds. */
export function pte_offset(mm: mm_struct, pmd: ptep_t, address: ulong): ptep_t {
	const {tables} = mm.machine;
	return (tables.frame[pmd]! << tables.shift) + ((address * mm.arch.PAGE_INVERSE) & (mm.arch.PTRS_PER_PTE - 1));
}

/** pgd_none(), pud_none(), pmd_none(): nothing below. */
export function pmd_none(m: Machine, pmd: ptep_t): boolean {
	return m.tables.bits[pmd] === 0;
}

export function pmd_trans_huge(m: Machine, pmd: ptep_t): boolean {
	return (m.tables.bits[pmd]! & _PAGE_PSE) !== 0;
}

/** A pmd entry that holds a table and faults for NUMA balancing, or a huge one that does. */
export function pmd_numa(m: Machine, pmd: ptep_t): boolean {
	return (m.tables.bits[pmd]! & _PAGE_NUMA) !== 0;
}

/** A pmd entry that holds a table, which is not touched, makes every access below it fault. */
export function pmd_mknuma(m: Machine, pmd: ptep_t): void {
	m.tables.bits[pmd] = _PAGE_NUMA;
}

export function pmd_mknonnuma(m: Machine, pmd: ptep_t): void {
	m.tables.bits[pmd] = _PAGE_PRESENT;
}

/** Hangs a table below an entry of a directory. */
export function pmd_populate(m: Machine, pmd: ptep_t, table: number): void {
	m.tables.bits[pmd] = _PAGE_PRESENT;
	m.tables.frame[pmd] = table;
}

/** The end of what one entry of a directory covers, or the end of the range. */
export function addr_end(address: ulong, end: ulong, size: ulong): ulong {
	const next = (Math.floor(address / size) + 1) * size;
	return next < end ? next : end;
}

/**
 * The place of the pmd entry of an address, or -1 where an upper level is empty, and past user memory, which the tables do not reach. Remembered by address space, so that accesses to the same
 * two megabytes walk once.
 */
export function pmd_walk(mm: mm_struct, address: ulong): ptep_t {
	if (address >= mm.arch.TASK_SIZE) return -1;
	const key = (address * mm.arch.PMD_INVERSE) | 0, way = key & (WALKS - 1);
	if (mm.walk_key[way] === key) return mm.walk_pmd[way]!;
	const m = mm.machine, pgd = pgd_offset(mm, address);
	if (pmd_none(m, pgd)) return -1;
	const pud = pud_offset(mm, pgd, address);
	if (pmd_none(m, pud)) return -1;
	const pmd = pmd_offset(mm, pud, address);
	mm.walk_key[way] = key;
	mm.walk_pmd[way] = pmd;
	return pmd;
}

/** Where what hangs below the largest empty entry that covers an address would end; the address itself if it has a pte table or a huge page. */
export function empty_until(mm: mm_struct, address: ulong): ulong {
	const m = mm.machine, pgd = pgd_offset(mm, address);
	if (pmd_none(m, pgd)) return addr_end(address, Infinity, mm.arch.PGDIR_SIZE);
	const pud = pud_offset(mm, pgd, address);
	if (pmd_none(m, pud)) return addr_end(address, Infinity, mm.arch.PUD_SIZE);
	return pmd_none(m, pmd_offset(mm, pud, address)) ? addr_end(address, Infinity, mm.arch.PMD_SIZE) : address;
}

/** A table of an upper level is gone, so the remembered places may be wrong. */
export function forget_walks(mm: mm_struct): void {
	mm.walk_key.fill(-1);
}

/** Takes the lock that guards a pmd entry. */
export function pmd_lock_of(mm: mm_struct, pmd: ptep_t): void {
	pmd_lock(pmd_lock_key(mm, pmd));
}

/** The key of the lock that guards a pmd entry. */
export function pmd_lock_key(mm: mm_struct, pmd: ptep_t): mm_struct | number {
	return mm.rev.split_pmd_ptlocks ? table_of(mm.machine, pmd) : mm;
}

export function pmd_lock_nested_of(mm: mm_struct, pmd: ptep_t): void {
	pmd_lock_nested(pmd_lock_key(mm, pmd));
}

export function pmd_unlock_of(mm: mm_struct, pmd: ptep_t): void {
	pmd_unlock(pmd_lock_key(mm, pmd));
}
