import {_PAGE_ACCESSED} from '../arch/x86/pgtable.ts';
import {migrationEntry, pmd_none, pmd_trans_huge, pmd_unlock_of, pmd_walk, pte_clear, pte_dirty, pte_mkold, pte_offset, pte_pfn, pte_present,
	pte_swp_mksoft_dirty, pte_write, ptep_get, set_pte_at, set_pte_bits, SWP_PTE, table_of} from '../include/asm-generic/pgtable.ts';
import {ENOMEM} from '../include/asm-generic/errno.ts';
import {_PAGE_SOFT_DIRTY} from '../arch/x86/pgtable.ts';
import {modelBug} from '../include/linux/bug.ts';
import {D, decide} from '../include/linux/decisions.ts';
import {anon_vma_lock_read, anon_vma_lock_write, anon_vma_unlock_read, anon_vma_unlock_write, assert_page_locked, down_read_trylock,
	may_interleave, pmd_lock, pmd_unlock, spin_lock, spin_unlock, up_read} from '../include/linux/lockdep.ts';
import {FAIL_ANON_VMA, type Machine} from '../include/linux/machine.ts';
import {dec_mm_counter, inc_mm_counter, linear_page_index, page_index, page_mapcount, page_mapped, PageAnon, PageKsm, PageMlocked, PageSwapCache, PageTransHuge,
	PG_named, set_page_anon_mapping, set_page_index, SetPageDirty, vma_pages, vma_test, VM_LOCKED, VM_NONLINEAR, VM_SEQ_READ} from '../include/linux/mm.ts';
import {MM_ANONPAGES, MM_SWAPENTS, type mm_struct, type vm_area_struct} from '../include/linux/mm_types.ts';
import {anon_vma, anon_vma_chain, SWAP_AGAIN, SWAP_FAIL, SWAP_MLOCK, SWAP_SUCCESS, TTU_IGNORE_ACCESS, TTU_IGNORE_MLOCK,
	TTU_MIGRATION, TTU_MUNLOCK} from '../include/linux/rmap.ts';
import type {errno_t, pfn_t, ptep_t, ulong} from '../include/linux/types.ts';
import {page_check_address_pmd} from './huge_memory.ts';
import {rmap_walk_ksm} from './ksm.ts';
import {forEachVmaOfFile} from './memory.ts';
import {find_mergeable_anon_vma} from './mmap.ts';
import {clear_page_mlock, mlock_vma_page} from './mlock.ts';
import {put_page, shouldFail} from './page_alloc.ts';
import {swap_duplicate} from './swapfile.ts';

// anon_vmas

/** @returns a root of its own, with one reference; null if the allocation fails */
function anon_vma_alloc(m: Machine): anon_vma | null {
	if (shouldFail(m, FAIL_ANON_VMA)) return null;
	const av = new anon_vma(m.next_anon_vma++);
	m.anon_vmas.set(av.id, av);
	return av;
}

function anon_vma_free(m: Machine, av: anon_vma): void {
	if (av.rb_root.length !== 0) modelBug('an anon_vma is freed while vmas are linked to it');
	m.anon_vmas.delete(av.id);
	m.last_anon_vma = null;
	if (av.named) m.names?.anonVmaDied(av.id);
}

/** Drops a reference. The last one frees it, and drops the one it has on its root. */
export function put_anon_vma(m: Machine, av: anon_vma): void {
	if (--av.refcount === 0) __put_anon_vma(m, av);
}

function __put_anon_vma(m: Machine, av: anon_vma): void {
	const {root} = av;
	anon_vma_free(m, av);
	if (root !== av && --root.refcount === 0) anon_vma_free(m, root);
}

function anon_vma_chain_link(vma: vm_area_struct, av: anon_vma): void {
	const avc = new anon_vma_chain(vma, av);
	vma.anon_vma_chain.push(avc);
	anon_vma_interval_tree_insert(avc);
}

/** Puts a vma into the tree of an anon_vma, under its first page offset. */
export function anon_vma_interval_tree_insert(avc: anon_vma_chain): void {
	avc.pgoff = avc.vma.vm_pgoff;
	avc.anon_vma.rb_root.insert(avc.pgoff, avc);
	const pages = vma_pages(avc.vma);
	if (pages > avc.anon_vma.longest) avc.anon_vma.longest = pages;
}

export function anon_vma_interval_tree_remove(avc: anon_vma_chain): void {
	avc.anon_vma.rb_root.remove(avc.pgoff, avc);
}

/**
 * Sees to it that a vma has an anon_vma: a neighbour's if that can be shared, else a new one.
 *
 * @returns 0; -ENOMEM
 * @source mm/rmap.c:anon_vma_prepare() - K
 * @model Chain links are small allocations and never fail.
 */
export function anon_vma_prepare(vma: vm_area_struct): errno_t {
	if (vma.anon_vma !== null) return 0;
	const mm = vma.vm_mm;
	const av = find_mergeable_anon_vma(vma) ?? anon_vma_alloc(mm.machine);
	if (av === null) return -ENOMEM;
	anon_vma_lock_write(av);
	pmd_lock(mm);
	vma.anon_vma = av;
	anon_vma_chain_link(vma, av);
	pmd_unlock(mm);
	anon_vma_unlock_write(av);
	return 0;
}

/**
 * Links a vma to all anon_vmas of another one.
 *
 * @returns 0
 * @source mm/rmap.c:anon_vma_clone() - K
 */
export function anon_vma_clone(dst: vm_area_struct, src: vm_area_struct): errno_t {
	const root = src.anon_vma_chain[0]?.anon_vma;
	if (root === undefined) return 0;
	anon_vma_lock_write(root);
	for (const {anon_vma: av} of src.anon_vma_chain) anon_vma_chain_link(dst, av);
	anon_vma_unlock_write(root);
	return 0;
}

/**
 * Links a child's vma to the anon_vmas of its parent's, and gives it one of its own, if the parent's has any.
 *
 * @returns 0; -ENOMEM
 * @source mm/rmap.c:anon_vma_fork() - K
 */
export function anon_vma_fork(vma: vm_area_struct, pvma: vm_area_struct): errno_t {
	if (pvma.anon_vma === null) return 0;
	anon_vma_clone(vma, pvma);
	const av = anon_vma_alloc(vma.vm_mm.machine);
	if (av === null) {
		unlink_anon_vmas(vma);
		return -ENOMEM;
	}
	av.root = pvma.anon_vma.root;
	av.root.refcount++;
	vma.anon_vma = av;
	anon_vma_lock_write(av);
	anon_vma_chain_link(vma, av);
	anon_vma_unlock_write(av);
	return 0;
}

/**
 * Takes a vma off all its anon_vmas; those that have no vma any more lose the reference that came with their first.
 *
 * @source mm/rmap.c:unlink_anon_vmas() - K
 */
export function unlink_anon_vmas(vma: vm_area_struct): void {
	const chain = vma.anon_vma_chain, root = chain[0]?.anon_vma;
	if (root === undefined) return;
	anon_vma_lock_write(root);
	for (const avc of chain) anon_vma_interval_tree_remove(avc);
	anon_vma_unlock_write(root);
	// newest first, so that a root goes last
	for (let i = chain.length - 1; i >= 0; i--) {
		const av = chain[i]!.anon_vma;
		if (av.rb_root.length === 0) put_anon_vma(vma.vm_mm.machine, av);
	}
	chain.length = 0;
}

// from a page to its anon_vma

/** The anon_vma that page->mapping names; null if it names none, or one that is dead. */
export function page_anon_vma(m: Machine, page: pfn_t): anon_vma | null {
	if (!PageAnon(m, page) || PageKsm(m, page)) return null;
	const id = m.mem_map.mapping[page]!, last = m.last_anon_vma;
	if (last !== null && last.id === id) return last;
	return (m.last_anon_vma = m.anon_vmas.get(id) ?? null);
}

/**
 * @returns the anon_vma of a mapped page, with a reference more; null if it is not anonymous or not mapped
 * @source mm/rmap.c:page_get_anon_vma() - K
 */
export function page_get_anon_vma(m: Machine, page: pfn_t): anon_vma | null {
	if (!page_mapped(m, page)) return null;
	const av = page_anon_vma(m, page);
	if (av !== null) av.refcount++;
	return av;
}

/**
 * @returns the anon_vma of a mapped page, locked for reading; null if it is not anonymous or not mapped
 * @source mm/rmap.c:page_lock_anon_vma_read() - P; the trylock path does not look at page->mapping again: P
 * @model With another task in between, the lock would be waited for, and then page->mapping is looked at again as the patch does.
 */
export function page_lock_anon_vma_read(m: Machine, page: pfn_t): anon_vma | null {
	for (;;) {
		const mapping = m.mem_map.mapping[page]!;
		if (!page_mapped(m, page)) return null;
		const av = page_anon_vma(m, page);
		if (av === null) return null;
		may_interleave('page_lock_anon_vma_read: mapping read, before the lock');
		anon_vma_lock_read(av);
		if (m.mem_map.mapping[page] === mapping) return av;
		anon_vma_unlock_read(av);
		decide(m, D.rmap_mapping_changed);
	}
}

/** Where a page is expected in a vma. */
function vma_address(m: Machine, page: pfn_t, vma: vm_area_struct): ulong {
	return vma.vm_start + (page_index(m, page) - vma.vm_pgoff) * vma.vm_mm.arch.PAGE_SIZE;
}

/**
 * @returns the place of the pmd entry of an address; -1 if nothing hangs there
 * @source mm/rmap.c:mm_find_pmd() - K: a huge pmd is not returned since 3.16
 */
export function mm_find_pmd(mm: mm_struct, address: ulong): ptep_t {
	const pmd = pmd_walk(mm, address), m = mm.machine;
	if (pmd < 0 || pmd_none(m, pmd)) return -1;
	return pmd_trans_huge(m, pmd) && !mm.rev.find_pmd_returns_huge ? -1 : pmd;
}

/**
 * @returns the place of the present pte that maps the page there, its table locked; -1 if it is not mapped there
 * @source mm/rmap.c:__page_check_address() - K
 */
export function page_check_address(m: Machine, page: pfn_t, mm: mm_struct, address: ulong): ptep_t {
	const pmd = mm_find_pmd(mm, address);
	if (pmd < 0 || pmd_trans_huge(m, pmd)) return -1;
	const pte = pte_offset(mm, pmd, address);
	if (!pte_present(ptep_get(m, pte))) return -1;
	spin_lock(table_of(m, pte));
	if (pte_present(ptep_get(m, pte)) && pte_pfn(m, pte) === page) return pte;
	spin_unlock(table_of(m, pte));
	return -1;
}

/**
 * Calls back for each vma that an anon_vma leads to for a page, in the order of its tree.
 *
 * @param av - locked
 * @param each - with the address that the page would have in the vma
 */
export function forEachVmaOf(m: Machine, page: pfn_t, av: anon_vma, each: (vma: vm_area_struct, address: ulong) => boolean | void): void {
	const pgoff = page_index(m, page);
	av.rb_root.forEachIn(pgoff - av.longest, pgoff, ({vma}) => pgoff >= vma.vm_pgoff + vma_pages(vma) || each(vma, vma_address(m, page, vma)) !== false);
}

/** What rmap_walk() does at each vma that may map the page. */
export interface RmapOne {
	/** @returns SWAP_AGAIN to go on; what ends the walk otherwise */
	(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong): number;
}

/**
 * Goes to each vma that may map an anonymous page, in the order of the anon_vma's tree, or of the stable node of a KSM page.
 *
 * @param done - ends the walk when it says so
 * @param anon_lock - finds and locks the anon_vma
 * @returns what the last call returned; SWAP_AGAIN if there was none
 * @source mm/rmap.c:rmap_walk(), rmap_walk_anon() - K
 */
export function rmap_walk(m: Machine, page: pfn_t, one: RmapOne, done: ((m: Machine, page: pfn_t) => boolean) | null,
	anon_lock: (m: Machine, page: pfn_t) => anon_vma | null = page_lock_anon_vma_read): number {
	if (PageKsm(m, page)) return rmap_walk_ksm(m, page, one, done);
	if (!PageAnon(m, page)) return rmap_walk_file(m, page, one, done);
	const av = anon_lock(m, page);
	if (av === null) return SWAP_AGAIN;
	let ret = SWAP_AGAIN;
	forEachVmaOf(m, page, av, (vma, address) => {
		ret = one(m, page, vma, address);
		return ret === SWAP_AGAIN && !(done !== null && done(m, page));
	});
	anon_vma_unlock_read(av);
	return ret;
}

/** Goes to each linear mapping of a page of a file. @source mm/rmap.c:rmap_walk_file() - I */
function rmap_walk_file(m: Machine, page: pfn_t, one: RmapOne, done: ((m: Machine, page: pfn_t) => boolean) | null): number {
	const of = m.files.get(m.mem_map.mapping[page]!), pgoff = page_index(m, page);
	let ret = SWAP_AGAIN, over = of === undefined;
	if (of !== undefined) {
		forEachVmaOfFile(m, of, vma => {
			if (over || vma_test(vma, VM_NONLINEAR) || pgoff < vma.vm_pgoff || pgoff >= vma.vm_pgoff + vma_pages(vma)) return;
			ret = one(m, page, vma, vma_address(m, page, vma));
			over = ret !== SWAP_AGAIN || (done !== null && done(m, page));
		});
	}
	return ret;
}

/**
 * The anon_vma of a page that need not be mapped, locked for reading.
 *
 * @source mm/rmap.c:rmap_walk_anon_lock() - I
 */
export function rmap_walk_anon_lock(m: Machine, page: pfn_t): anon_vma | null {
	const av = page_anon_vma(m, page);
	if (av !== null) anon_vma_lock_read(av);
	return av;
}

function page_not_mapped(m: Machine, page: pfn_t): boolean {
	return !page_mapped(m, page);
}

/** Clears the young bit. @returns whether it was set */
function ptep_clear_flush_young(m: Machine, pte: ptep_t): boolean {
	const bits = ptep_get(m, pte);
	set_pte_bits(m, pte, pte_mkold(bits));
	return (bits & _PAGE_ACCESSED) !== 0;
}

/** What page_referenced() found. */
export interface Referenced {
	/** Entries that were young and are not any more. */
	referenced: number;
	/** A mlocked vma ended the walk. */
	locked: boolean;
}

/**
 * Counts and clears the young bits of a page's entries.
 *
 * @source mm/rmap.c:page_referenced(), page_referenced_one() - K
 */
export function page_referenced(m: Machine, page: pfn_t): Referenced {
	const found: Referenced = {referenced: 0, locked: false};
	if (!page_mapped(m, page)) return found;
	let mapcount = page_mapcount(m, page);
	const huge = PageTransHuge(m, page);
	rmap_walk(m, page, (_m, _page, vma, address) => {
		const mm = vma.vm_mm, pte = huge ? page_check_address_pmd(m, page, mm, address) : page_check_address(m, page, mm, address);
		if (pte < 0) return SWAP_AGAIN;
		const locked = vma_test(vma, VM_LOCKED);
		// a sequentially read mapping does not count, but for a huge page
		if (!locked && ptep_clear_flush_young(m, pte) && (huge || !vma_test(vma, VM_SEQ_READ))) found.referenced++;
		if (huge) pmd_unlock_of(mm, pte);
		else spin_unlock(table_of(m, pte));
		if (locked) {
			found.locked = true;
			return SWAP_FAIL;
		}
		return --mapcount === 0 ? SWAP_SUCCESS : SWAP_AGAIN;
	}, null);
	return found;
}

/** One vma of try_to_unmap(): its entry becomes the swap entry of the page, or its migration entry. */
function try_to_unmap_one(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong, flags: number): number {
	const mm = vma.vm_mm, pte = page_check_address(m, page, mm, address);
	if (pte < 0) return SWAP_AGAIN;
	const table = table_of(m, pte);
	if ((flags & TTU_IGNORE_MLOCK) === 0) {
		if (vma_test(vma, VM_LOCKED)) {
			spin_unlock(table);
			return mlock_found_page(m, page, vma);
		}
		if ((flags & TTU_MUNLOCK) !== 0) {
			spin_unlock(table);
			return SWAP_AGAIN;
		}
	}
	if ((flags & TTU_IGNORE_ACCESS) === 0 && ptep_clear_flush_young(m, pte)) {
		spin_unlock(table);
		return SWAP_FAIL;
	}
	const pteval = ptep_get(m, pte);
	if (pte_dirty(pteval)) SetPageDirty(m, page);
	pte_clear(m, pte);
	let entry: number = page, swp_pte = migrationEntry(pte_write(pteval));
	if (PageSwapCache(m, page)) {
		entry = m.mem_map.private_[page]!;
		swp_pte = SWP_PTE;
		swap_duplicate(m, entry);
		dec_mm_counter(mm, MM_ANONPAGES);
		inc_mm_counter(mm, MM_SWAPENTS);
	} else if ((flags & TTU_MIGRATION) === 0) {
		modelBug('a page is unmapped that has no place to go');
	}
	set_pte_at(m, pte, (pteval & _PAGE_SOFT_DIRTY) !== 0 ? pte_swp_mksoft_dirty(swp_pte) : swp_pte, entry);
	page_remove_rmap(m, page);
	put_page(m, page);
	spin_unlock(table);
	return SWAP_AGAIN;
}

/** A mlocked vma maps the page: it is marked, unless the mmap_sem is held for writing. */
function mlock_found_page(m: Machine, page: pfn_t, vma: vm_area_struct): number {
	if (!down_read_trylock(vma.vm_mm)) return SWAP_AGAIN;
	mlock_vma_page(m, page);
	up_read(vma.vm_mm);
	return SWAP_MLOCK;
}

/**
 * Turns every entry that the rmap finds into the page's swap entry, or with TTU_MIGRATION, where it has none, into a migration entry.
 *
 * @param page - locked
 * @returns SWAP_SUCCESS when none is left; SWAP_AGAIN when some are; SWAP_FAIL when one was young; SWAP_MLOCK when a mlocked vma maps it
 * @source mm/rmap.c:try_to_unmap(), try_to_unmap_one() - K
 * @model Hardware poison and file pages are left out.
 */
export function try_to_unmap(m: Machine, page: pfn_t, flags: number): number {
	assert_page_locked(page);
	const ret = rmap_walk(m, page, (_m, _page, vma, address) => try_to_unmap_one(m, page, vma, address, flags), page_not_mapped);
	return ret !== SWAP_MLOCK && !page_mapped(m, page) ? SWAP_SUCCESS : ret;
}

/**
 * Looks whether another mlocked vma maps the page, and marks it again if so.
 *
 * @source mm/rmap.c:try_to_munlock() - K
 */
export function try_to_munlock(m: Machine, page: pfn_t): number {
	assert_page_locked(page);
	return rmap_walk(m, page, (_m, _page, vma, address) => try_to_unmap_one(m, page, vma, address, TTU_MUNLOCK), page_not_mapped);
}

// mapcounts

/**
 * Gives a page that is only ours the anon_vma of our vma.
 *
 * @source mm/rmap.c:page_move_anon_rmap() - K
 */
export function page_move_anon_rmap(m: Machine, page: pfn_t, vma: vm_area_struct): void {
	assert_page_locked(page);
	m.mem_map.mapping[page] = vma.anon_vma!.id;
}

/** A page that is not exclusively ours gets the oldest anon_vma, and one that has a mapping keeps it. */
function __page_set_anon_rmap(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong, exclusive: boolean): void {
	if (PageAnon(m, page)) return;
	const av = exclusive ? vma.anon_vma! : vma.anon_vma!.root;
	set_page_anon_mapping(m, page, av.id);
	set_page_index(m, page, linear_page_index(vma, address));
}

/**
 * Counts one more entry that maps a page of the swap cache.
 *
 * @param page - locked
 * @source mm/rmap.c:do_page_add_anon_rmap() - K
 */
export function do_page_add_anon_rmap(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong, exclusive: boolean): void {
	assert_page_locked(page);
	if (m.mem_map._mapcount[page]!++ === 0 && !PageKsm(m, page)) __page_set_anon_rmap(m, page, vma, address, exclusive);
}

/** Counts one more entry that maps a KSM page. @source mm/rmap.c:page_add_anon_rmap() - K */
export function page_add_anon_rmap(m: Machine, page: pfn_t): void {
	m.mem_map._mapcount[page]!++;
}

/** Counts the first entry of a fresh page. @source mm/rmap.c:page_add_new_anon_rmap() - K */
export function page_add_new_anon_rmap(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong): void {
	m.mem_map._mapcount[page] = 1;
	__page_set_anon_rmap(m, page, vma, address, true);
}

/** Counts one more entry that maps a page of a file. @source mm/rmap.c:page_add_file_rmap() - K */
export function page_add_file_rmap(m: Machine, page: pfn_t): void {
	m.mem_map._mapcount[page]!++;
}

/** Counts the copy of an entry at fork. */
export function page_dup_rmap(m: Machine, page: pfn_t): void {
	m.mem_map._mapcount[page]!++;
}

/**
 * Counts one entry less. The mapping stays, for those who find the page in the swap cache; the mark of mlock goes with the last.
 *
 * @source mm/rmap.c:page_remove_rmap() - K
 */
export function page_remove_rmap(m: Machine, page: pfn_t): void {
	if (--m.mem_map._mapcount[page]! !== 0) return;
	if (PageMlocked(m, page)) clear_page_mlock(m, page);
	if (!PageAnon(m, page)) file_page_unmapped(m, page);
}

/** For a recording a frame is dead when nothing maps it and it is not in the swap cache: the page cache does not count. */
function file_page_unmapped(m: Machine, page: pfn_t): void {
	if ((m.mem_map.flags[page]! & PG_named) === 0) return;
	m.mem_map.flags[page]! &= ~PG_named;
	m.names?.frameDied(page);
}
