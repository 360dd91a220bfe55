import {EAGAIN, EINVAL, ENODEV, ENOMEM} from '../include/asm-generic/errno.ts';
import {_PAGE_PSE, _PAGE_SOFT_DIRTY} from '../arch/x86/pgtable.ts';
import {is_migration_entry, is_write_migration_entry, pmd_lock_of, pmd_trans_huge, pmd_unlock_of, pte_mkdirty, pte_mkold, pte_offset, pte_pfn, pte_same,
	pte_swp_soft_dirty, ptep_get, set_pte_at, table_of} from '../include/asm-generic/pgtable.ts';
import {because, D} from '../include/linux/decisions.ts';
import {assert_page_locked, down_read, spin_lock, spin_unlock, trylock_page, unlock_page, up_read} from '../include/linux/lockdep.ts';
import {type Machine, ZERO_PAGE} from '../include/linux/machine.ts';
import {MPOL_MF_MOVE, MPOL_MF_MOVE_ALL, NR_NODES} from '../include/linux/mempolicy.ts';
import {FOLL_GET, FOLL_SPLIT, get_page, page_down, page_index, page_mapcount, page_mapped, page_to_nid, PageAnon, PageKsm, PageSwapCache, PG_anon, PG_dirty,
	PG_ksm, PG_mlocked, PG_nid_last, PG_swapcache, set_page_index} from '../include/linux/mm.ts';
import type {mm_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import {SWAP_AGAIN, TTU_IGNORE_ACCESS, TTU_IGNORE_MLOCK, TTU_MIGRATION} from '../include/linux/rmap.ts';
import type {errno_t, long, pfn_t, ptep_t, pteval_t, ulong} from '../include/linux/types.ts';
import {allocHugePageNode, HPAGE_PMD_NR} from './huge_memory.ts';
import {ksm_migrate_page} from './ksm.ts';
import {follow_page, maybe_mkwrite, mk_pte} from './memory.ts';
import {alloc_pages_node, vma_migratable} from './mempolicy.ts';
import {find_vma} from './mmap.ts';
import {copy_user_highpage, put_page} from './page_alloc.ts';
import {mm_find_pmd, page_add_anon_rmap, page_get_anon_vma, page_remove_rmap, put_anon_vma, rmap_walk, rmap_walk_anon_lock, try_to_unmap} from './rmap.ts';

// Pages move from one frame to another: each is unmapped, its entries are migration entries until it is copied, and then map the copy. Tasks take turns,
// so nobody but the functions here ever sees a migration entry.

/** Pages that are taken off the LRU lists, each with a reference, in the order in which they will move. */
export type PageList = Set<pfn_t>;

/** Takes a page off the LRU list and puts it into ours. @returns whether it was there @source mm/vmscan.c:isolate_lru_page() - I */
export function isolate_lru_page(m: Machine, page: pfn_t, pagelist: PageList): boolean {
	if (pagelist.has(page)) return false;
	get_page(m, page);
	pagelist.add(page);
	return true;
}

/** The pages that are left go back to the LRU lists. @source mm/migrate.c:putback_movable_pages() - I */
export function putback_movable_pages(m: Machine, pagelist: PageList): void {
	for (const page of pagelist) put_page(m, page);
	pagelist.clear();
}

/**
 * One vma of remove_migration_ptes(): the migration entry becomes one of the page's new frame: old, clean, and writable if it was.
 *
 * @source mm/migrate.c:remove_migration_pte() - K
 */
function remove_migration_pte(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong, old: pfn_t): number {
	const mm = vma.vm_mm, pmd = mm_find_pmd(mm, address);
	if (pmd < 0 || pmd_trans_huge(m, pmd)) return SWAP_AGAIN;
	const pte = pte_offset(mm, pmd, address), table = table_of(m, pte);
	spin_lock(table);
	const bits = ptep_get(m, pte);
	if (is_migration_entry(bits) && pte_pfn(m, pte) === old) {
		get_page(m, page);
		let entry = pte_mkold(mk_pte(vma));
		if (pte_swp_soft_dirty(bits)) entry |= _PAGE_SOFT_DIRTY;
		if (is_write_migration_entry(bits)) entry = maybe_mkwrite(entry, vma);
		set_pte_at(m, pte, entry, page);
		page_add_anon_rmap(m, page);
	}
	spin_unlock(table);
	return SWAP_AGAIN;
}

/** Turns the migration entries of a page into entries of a page, the same or its copy. @source mm/migrate.c:remove_migration_ptes() - K */
function remove_migration_ptes(m: Machine, old: pfn_t, page: pfn_t): void {
	rmap_walk(m, page, (_m, _page, vma, address) => remove_migration_pte(m, page, vma, address, old), null, rmap_walk_anon_lock);
}

/**
 * The swap cache or the page cache gets the new page in place of the old one.
 *
 * @returns 0; -EAGAIN if somebody else holds the page
 * @source mm/migrate.c:migrate_page_move_mapping() - I
 */
function migrate_page_move_mapping(m: Machine, newpage: pfn_t, page: pfn_t): errno_t {
	const {mem_map, swap} = m, cached = PageSwapCache(m, page), of = PageAnon(m, page) ? undefined : m.files.get(mem_map.mapping[page]!);
	if (mem_map._count[page] !== (cached || of !== undefined ? 2 : 1)) return -EAGAIN;
	if (of !== undefined) {
		get_page(m, newpage);
		of.i_pages.set(page_index(m, page), newpage);
		put_page(m, page);
	}
	if (!cached) return 0;
	const entry = mem_map.private_[page]!;
	get_page(m, newpage);
	mem_map.flags[newpage]! |= PG_swapcache;
	mem_map.private_[newpage] = entry;
	swap.cache[entry] = newpage;
	put_page(m, page);
	return 0;
}

/** What the page holds, and its marks. The mark of mlock is gone by now if the page was unmapped. @source mm/migrate.c:migrate_page_copy() - I */
function migrate_page_copy(m: Machine, newpage: pfn_t, page: pfn_t): void {
	const {flags, private_} = m.mem_map;
	copy_user_highpage(m, newpage, page);
	flags[newpage]! |= flags[page]! & (PG_dirty | PG_mlocked);
	ksm_migrate_page(m, newpage, page);
	flags[page]! &= ~(PG_dirty | PG_mlocked | PG_swapcache);
	private_[page] = 0;
}

/** The copy has the old page's mapping and index. */
function copyMapping(m: Machine, newpage: pfn_t, page: pfn_t): void {
	const {flags, mapping} = m.mem_map;
	mapping[newpage] = mapping[page]!;
	flags[newpage]! |= flags[page]! & (PG_anon | PG_ksm);
	set_page_index(m, newpage, page_index(m, page));
}

/** page->mapping becomes NULL. */
function clearMapping(m: Machine, page: pfn_t): void {
	m.mem_map.mapping[page] = 0;
	m.mem_map.flags[page]! &= ~(PG_anon | PG_ksm);
}

/** @returns 0; -EAGAIN @source mm/migrate.c:move_to_new_page() - K */
function move_to_new_page(m: Machine, newpage: pfn_t, page: pfn_t): errno_t {
	trylock_page(newpage);
	copyMapping(m, newpage, page);
	const rc = migrate_page_move_mapping(m, newpage, page);
	if (rc !== 0) {
		clearMapping(m, newpage);
	} else {
		migrate_page_copy(m, newpage, page);
		remove_migration_ptes(m, page, newpage);
		clearMapping(m, page);
	}
	unlock_page(newpage);
	return rc;
}

/**
 * Moves a page, unless the rmap does not find all that map it, or somebody else holds it. The entries of a page of the swap cache become swap entries,
 * and stay so.
 *
 * @returns 0; -EAGAIN
 * @source mm/migrate.c:__unmap_and_move() - K
 * @model Only mapped pages are taken, so each has an anon_vma, is a KSM page, or is one of a file.
 */
function __unmap_and_move(m: Machine, page: pfn_t, newpage: pfn_t): errno_t {
	trylock_page(page);
	const ksm = PageKsm(m, page), av = ksm ? null : page_get_anon_vma(m, page);
	let rc = -EAGAIN;
	if (!PageAnon(m, page) || ksm || av !== null) {
		try_to_unmap(m, page, TTU_MIGRATION | TTU_IGNORE_MLOCK | TTU_IGNORE_ACCESS);
		if (!page_mapped(m, page)) rc = move_to_new_page(m, newpage, page);
		if (rc !== 0) remove_migration_ptes(m, page, page);
	}
	if (av !== null) put_anon_vma(m, av);
	unlock_page(page);
	return rc;
}

/** How often pages that could not be moved are tried. */
const PASSES = 10;

/**
 * Moves pages, each to one that is allocated for it. Those that moved leave the list.
 *
 * @param get_new_page - allocates; 0 ends it all
 * @returns how many could not be moved; -ENOMEM
 * @source mm/migrate.c:migrate_pages(), unmap_and_move() - K
 * @model Nobody frees a page in between, and nobody lets go of one, so the further passes fail as the first did.
 */
export function migrate_pages(m: Machine, from: PageList, get_new_page: (page: pfn_t) => pfn_t): number {
	let retry = 1;
	for (let pass = 0; pass < PASSES && retry !== 0; pass++) {
		retry = 0;
		for (const page of from) {
			const newpage = get_new_page(page);
			if (newpage === 0) return because(m, D.migrate_nomem, -ENOMEM);
			const rc = __unmap_and_move(m, page, newpage);
			if (rc === 0) {
				from.delete(page);
				put_page(m, page);
			} else {
				retry++;
			}
			put_page(m, newpage);
		}
	}
	return retry;
}

// move_pages

/** One entry of the call's array. @source mm/migrate.c:do_move_page_to_node_array(), the loop - I @model Its status is left out. */
function queuePage(mm: mm_struct, addr: ulong, node: number, migrate_all: boolean, pagelist: PageList): void {
	const m = mm.machine, vma = find_vma(mm, addr);
	if (vma === null || addr < vma.vm_start || !vma_migratable(vma)) return;
	const page = follow_page(mm, vma, addr, FOLL_GET | FOLL_SPLIT);
	if (page <= 0 || page === ZERO_PAGE || page_to_nid(m, page) === node) return;
	if (page_mapcount(m, page) === 1 || migrate_all) isolate_lru_page(m, page, pagelist);
}

/**
 * Moves some pages to a node. Huge pages are split.
 *
 * @param start - page-aligned
 * @returns how many could not be moved; -ENOMEM
 * @source mm/migrate.c:do_move_page_to_node_array() - I
 */
function do_move_page_to_node_array(mm: mm_struct, start: ulong, end: ulong, node: number, migrate_all: boolean): long {
	const m = mm.machine, pagelist: PageList = new Set();
	down_read(mm);
	for (let addr = start; addr < end; addr += mm.arch.PAGE_SIZE) queuePage(mm, addr, node, migrate_all, pagelist);
	const err = migrate_pages(m, pagelist, () => alloc_pages_node(m, node));
	putback_movable_pages(m, pagelist);
	up_read(mm);
	return err;
}

/** Entries of the array that are done in one go: what fits into a page of struct page_to_node, but for the one that ends it. */
const CHUNK_NR_PAGES = 169;

/** The next chunk that has a vma: what lies before it has no page to move. */
function skipHole(mm: mm_struct, at: ulong, end: ulong, size: ulong): ulong {
	const vma = find_vma(mm, at), next = vma === null ? end : Math.min(end, vma.vm_start);
	return next <= at ? at : at + Math.floor((next - at) / size) * size;
}

/**
 * Moves the pages of a run to a node.
 *
 * @param start - bytes
 * @param node - an int
 * @param flags - an int
 * @returns 0, also where pages could not be moved, which only the status says; -EINVAL, -ENODEV, -ENOMEM
 * @source mm/migrate.c:move_pages(), do_pages_move() - I
 * @model The status of each page is left out. Without nodes the call would only tell where the pages are, which no row asks for.
 */
export function sys_move_pages(mm: mm_struct, start: ulong, nr_pages: ulong, node: number, flags: number): errno_t {
	const m = mm.machine, {PAGE_SIZE, TASK_SIZE} = mm.arch, first = page_down(mm, start);
	if ((flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0) return because(m, D.move_pages_bad_flags, -EINVAL);
	if (nr_pages === 0) return 0;
	if (node < 0 || node >= NR_NODES) return because(m, D.move_pages_no_node, -ENODEV);
	const end = first + Math.min(nr_pages, Math.max(0, TASK_SIZE - first) / PAGE_SIZE) * PAGE_SIZE, size = CHUNK_NR_PAGES * PAGE_SIZE;
	for (let at = skipHole(mm, first, end, size); at < end; at = skipHole(mm, at + size, end, size)) {
		const err = do_move_page_to_node_array(mm, at, Math.min(at + size, end), node, (flags & MPOL_MF_MOVE_ALL) !== 0);
		if (err < 0) return err;
	}
	return 0;
}

/**
 * A `migrate` row: the pages of a range move to a node, also those that are mapped more than once. Holes, swap entries, the zero page and pages that are
 * there already stay as they are; so does everything where the node has no memory.
 *
 * @model The row does what move_pages with MPOL_MF_MOVE_ALL does.
 */
export function migrateRange(mm: mm_struct, start: ulong, end: ulong, node: number): void {
	sys_move_pages(mm, start, Math.max(0, end - start) / mm.arch.PAGE_SIZE, node, MPOL_MF_MOVE_ALL);
}

// NUMA balancing

/**
 * A NUMA hint fault moves a page to the node of the task.
 *
 * @param page - with a reference, which is dropped
 * @returns whether it moved
 * @source mm/migrate.c:migrate_misplaced_page() - I
 * @model No node is nearly full, and no limit of how much may move in a while is reached.
 */
export function migrate_misplaced_page(m: Machine, page: pfn_t, node: number): boolean {
	const pagelist: PageList = new Set();
	if (page_mapcount(m, page) === 1 || m.rev.numa_moves_shared_pages) isolate_lru_page(m, page, pagelist);
	put_page(m, page);
	const moved = pagelist.size !== 0 && migrate_pages(m, pagelist, old => misplacedTarget(m, old, node)) === 0;
	putback_movable_pages(m, pagelist);
	return moved;
}

/** What is known of who uses the page goes along. @source mm/migrate.c:alloc_misplaced_dst_page() - I */
function misplacedTarget(m: Machine, page: pfn_t, node: number): pfn_t {
	const newpage = alloc_pages_node(m, node);
	if (newpage !== 0) m.mem_map.flags[newpage]! |= m.mem_map.flags[page]! & PG_nid_last;
	return newpage;
}

/**
 * A NUMA hint fault moves a huge page to the node of the task. Only one that is mapped once can move.
 *
 * @param page - locked, with a reference; both are dropped
 * @returns whether it moved; the entry has no hint then
 * @source mm/migrate.c:migrate_misplaced_transhuge_page() - I
 * @model As migrate_misplaced_page().
 */
export function migrate_misplaced_transhuge_page(mm: mm_struct, vma: vm_area_struct, pmd: ptep_t, orig_pmd: pteval_t, page: pfn_t, node: number): boolean {
	const m = mm.machine, {mem_map} = m;
	assert_page_locked(page);
	// the entry and the caller hold it, and nobody else may
	const newpage = mem_map._count[page] === 2 && page_mapcount(m, page) === 1 ? allocHugePageNode(m, node) : 0;
	if (newpage === 0) {
		unlock_page(page);
		put_page(m, page);
		return false;
	}
	trylock_page(newpage);
	copyMapping(m, newpage, page);
	mem_map.flags[newpage]! |= mem_map.flags[page]! & (PG_dirty | PG_mlocked | PG_nid_last);
	for (let i = 0; i < HPAGE_PMD_NR(mm); i++) copy_user_highpage(m, newpage + i, page + i);
	pmd_lock_of(mm, pmd);
	const same = pte_same(m, pmd, orig_pmd, page);
	if (same) {
		page_add_anon_rmap(m, newpage);
		set_pte_at(m, pmd, maybe_mkwrite(pte_mkdirty(m, mk_pte(vma) | _PAGE_PSE), vma), newpage);
		mem_map.flags[page]! &= ~PG_mlocked;
		page_remove_rmap(m, page);
		put_page(m, page);
	}
	pmd_unlock_of(mm, pmd);
	unlock_page(newpage);
	if (!same) put_page(m, newpage);
	unlock_page(page);
	put_page(m, page);
	return same;
}
