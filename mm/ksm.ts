import {ENOMEM, ERESTARTSYS} from '../include/asm-generic/errno.ts';
import {pmd_none, pmd_trans_huge, pmd_walk, pte_dirty, pte_mkclean, pte_pfn, pte_present, pte_special, pte_write, pte_wrprotect, ptep_get, set_pte_at,
	set_pte_bits, table_of, pte_offset} from '../include/asm-generic/pgtable.ts';
import {because, D, decide} from '../include/linux/decisions.ts';
import {down_read, lock_page, lock_page_nested, spin_lock, spin_unlock, trylock_page, unlock_page, up_read} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {FAULT_FLAG_WRITE, flags_clear, flags_or, flags_test, get_page, linear_page_index, page_index, page_mapcount, page_mapped, PageAnon, PageKsm, PageMlocked,
	PageSwapCache, PageTransHuge, PG_ksm, SetPageDirty, vma_pages, vma_test, VM_DONTEXPAND, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_WRITE, VM_HUGETLB, VM_IO,
	VM_LOCKED, VM_MAYSHARE, VM_MERGEABLE, VM_MIXEDMAP, VM_NONLINEAR, VM_PFNMAP, VM_SHARED} from '../include/linux/mm.ts';
import type {mm_struct, task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import {type anon_vma, SWAP_AGAIN} from '../include/linux/rmap.ts';
import type {errno_t, pfn_t, ptep_t, ulong, vm_flags_t} from '../include/linux/types.ts';
import {HPAGE_PMD_NR, split_huge_page} from './huge_memory.ts';
import {follow_page, handle_mm_fault, mk_pte} from './memory.ts';
import {mlock_vma_page, munlock_vma_page} from './mlock.ts';
import {find_vma} from './mmap.ts';
import {alloc_page_vma} from './mempolicy.ts';
import {copy_user_highpage, put_page} from './page_alloc.ts';
import {page_add_anon_rmap, page_anon_vma, page_check_address, page_remove_rmap, type RmapOne} from './rmap.ts';
import {try_to_free_swap} from './swapfile.ts';

// KSM: pages of VM_MERGEABLE vmas with the same content become one. The trees are maps by content, since in the model a page's content is its token.

/** A page that others were merged with. */
interface stable_node {
	/** What page->mapping of the page names. */
	readonly id: number;
	kpfn: pfn_t;
	readonly content: string;
	/** The newest first. */
	readonly hlist: rmap_item[];
}

/** An address at which a page was seen. */
interface rmap_item {
	readonly mm: mm_struct;
	readonly address: ulong;
	/** The content when it was last seen; null before. */
	oldchecksum: string | null;
	/** Where it is in the stable tree. */
	head: stable_node | null;
	/** It is in the unstable tree of this scan. */
	unstable: boolean;
	/** What leads to the vmas that map it. A dead one leads to none. */
	anon_vma: anon_vma | null;
}

/** An address space that has asked for merging, with what was seen of it, in rising order. */
interface mm_slot {
	readonly mm: mm_struct;
	rmap_list: rmap_item[];
}

/** The daemon's state. */
export class Ksm {
	readonly slots: mm_slot[] = [];
	readonly stable_tree = new Map<string, stable_node>();
	readonly unstable_tree = new Map<string, rmap_item>();
	next_node = 1;
	/** Something was merged, or looked at for the first time with this content, in this scan. */
	changed = false;
}

const states = new WeakMap<Machine, Ksm>();

function ksmOf(m: Machine): Ksm {
	let ksm = states.get(m);
	if (ksm === undefined) {
		ksm = new Ksm();
		states.set(m, ksm);
	}
	return ksm;
}

/** The content of a page, as a key. */
function contentOf(m: Machine, page: pfn_t): string {
	return `${m.mem_map.token_hi[page]}:${m.mem_map.token_lo[page]}`;
}

/** The page of a stable node; 0 if it is gone. @source mm/ksm.c:get_ksm_page() - I */
function get_ksm_page(m: Machine, node: stable_node): pfn_t {
	if (PageKsm(m, node.kpfn) && m.mem_map.mapping[node.kpfn] === node.id) return node.kpfn;
	remove_node_from_stable_tree(m, node);
	return 0;
}

function remove_node_from_stable_tree(m: Machine, node: stable_node): void {
	for (const item of node.hlist) item.head = null;
	node.hlist.length = 0;
	const {stable_tree} = ksmOf(m);
	if (stable_tree.get(node.content) === node) stable_tree.delete(node.content);
}

/** @source mm/ksm.c:page_stable_node() - I */
function page_stable_node(m: Machine, page: pfn_t): stable_node | null {
	if (!PageKsm(m, page)) return null;
	const node = ksmOf(m).stable_tree.get(contentOf(m, page));
	return node !== undefined && node.kpfn === page && node.id === m.mem_map.mapping[page] ? node : null;
}

/**
 * A page moves to another frame, and its stable node with it.
 *
 * @param newpage - has the mapping and the content already
 * @source mm/ksm.c:ksm_migrate_page() - I
 */
export function ksm_migrate_page(m: Machine, newpage: pfn_t, oldpage: pfn_t): void {
	const node = page_stable_node(m, oldpage);
	if (node !== null) node.kpfn = newpage;
}

/**
 * A page from the swap cache that belongs to another anon_vma tree, or to another index, is copied, since the rmap would not find it here. A KSM page is not.
 *
 * @param page - locked, in the swap cache
 * @returns the page to map: the same, or a locked copy that is not in the swap cache; 0 if there is no memory
 * @source mm/ksm.c:ksm_might_need_to_copy() - K
 */
export function ksm_might_need_to_copy(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong): pfn_t {
	if (!m.config.ksm || !PageAnon(m, page) || (PageKsm(m, page) && page_stable_node(m, page) !== null)) return page;
	if (!PageKsm(m, page) && page_anon_vma(m, page)?.root === vma.anon_vma?.root && page_index(m, page) === linear_page_index(vma, address)) return page;
	decide(m, D.swapped_page_copied);
	const copy = alloc_page_vma(m, vma);
	if (copy === 0) return 0;
	copy_user_highpage(m, copy, page);
	SetPageDirty(m, copy);
	lock_page_nested(copy);
	return copy;
}

// madvise

/** @source mm/ksm.c:__ksm_enter() - K */
function __ksm_enter(mm: mm_struct): void {
	ksmOf(mm.machine).slots.push({mm, rmap_list: []});
	mm.mergeable = true;
}

/** A child of an address space that is looked at is looked at as well. @source include/linux/ksm.h:ksm_fork() - I */
export function ksm_fork(mm: mm_struct, oldmm: mm_struct): void {
	if (oldmm.mergeable) __ksm_enter(mm);
}

/** An address space goes, with what was seen of it. @source mm/ksm.c:__ksm_exit() - I @model The kernel keeps what was seen until the next scan, which then drops it. */
export function ksm_exit(mm: mm_struct): void {
	if (!mm.mergeable) return;
	const m = mm.machine, {slots} = ksmOf(m), at = slots.findIndex(slot => slot.mm === mm);
	for (const item of slots[at]!.rmap_list) remove_rmap_item_from_tree(m, item);
	slots.splice(at, 1);
}

/** Gives an address its own page again. @source mm/ksm.c:break_ksm() - K */
function break_ksm(vma: vm_area_struct, addr: ulong): errno_t {
	const mm = vma.vm_mm, m = mm.machine;
	for (;;) {
		const page = follow_page(mm, vma, addr, 0);
		if (page <= 0 || !PageKsm(m, page)) return 0;
		const ret = handle_mm_fault(mm, vma, addr, FAULT_FLAG_WRITE);
		if ((ret & VM_FAULT_OOM) !== 0) return because(m, D.ksm_unmerge_nomem, -ENOMEM);
		if ((ret & (VM_FAULT_WRITE | VM_FAULT_SIGBUS)) !== 0) return 0;
	}
}

/** @returns 0; -ENOMEM, -ERESTARTSYS @source mm/ksm.c:unmerge_ksm_pages() - K */
function unmerge_ksm_pages(task: task_struct, vma: vm_area_struct, start: ulong, end: ulong): errno_t {
	for (let addr = start; addr < end; addr += vma.vm_mm.arch.PAGE_SIZE) {
		if (task.signal_pending) return because(vma.vm_mm.machine, D.ksm_unmerge_interrupted, -ERESTARTSYS);
		const error = break_ksm(vma, addr);
		if (error !== 0) return error;
	}
	return 0;
}

/**
 * MADV_MERGEABLE and MADV_UNMERGEABLE: where nothing can be merged the advice is ignored.
 *
 * @returns the new flags; -ENOMEM, -ERESTARTSYS in place of them
 * @source mm/ksm.c:ksm_madvise() - K
 */
export function ksm_madvise(task: task_struct, vma: vm_area_struct, start: ulong, end: ulong, mergeable: boolean, flags: vm_flags_t): vm_flags_t | errno_t {
	const mm = vma.vm_mm;
	if (mergeable) {
		const never = VM_SHARED | VM_MAYSHARE | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_HUGETLB | VM_NONLINEAR | VM_MIXEDMAP;
		if (flags_test(flags, never)) return flags;
		if (!mm.mergeable) __ksm_enter(mm);
		return flags_or(flags, VM_MERGEABLE);
	}
	if (!flags_test(flags, VM_MERGEABLE)) return flags;
	const error = vma.anon_vma === null ? 0 : unmerge_ksm_pages(task, vma, start, end);
	return error === 0 ? flags_clear(flags, VM_MERGEABLE) : error;
}

// merging

/**
 * Makes the entry of a page read-only and clean.
 *
 * @returns the place of the entry, or -1 if the page is not where its index says, or somebody else holds it
 * @source mm/ksm.c:write_protect_page() - K
 */
function write_protect_page(vma: vm_area_struct, page: pfn_t): ptep_t {
	const mm = vma.vm_mm, m = mm.machine, addr = page_address_in_vma(m, page, vma);
	if (addr < 0) return -1;
	const ptep = page_check_address(m, page, mm, addr);
	if (ptep < 0) return -1;
	const bits = ptep_get(m, ptep);
	if (pte_write(bits) || pte_dirty(bits)) {
		const swapped = PageSwapCache(m, page) ? 1 : 0;
		if (page_mapcount(m, page) + 1 + swapped !== m.mem_map._count[page]) {
			spin_unlock(table_of(m, ptep));
			return -1;
		}
		if (pte_dirty(bits)) SetPageDirty(m, page);
		set_pte_bits(m, ptep, pte_mkclean(pte_wrprotect(bits)));
	}
	spin_unlock(table_of(m, ptep));
	return ptep;
}

/** Where a page is expected in a vma; -1 if it does not belong there. @source mm/rmap.c:page_address_in_vma() - I */
export function page_address_in_vma(m: Machine, page: pfn_t, vma: vm_area_struct): ulong {
	// a KSM page has no anon_vma of its own; its index is that of the page it was
	if (!PageKsm(m, page) && page_anon_vma(m, page)?.root !== vma.anon_vma?.root) return -1;
	const offset = page_index(m, page) - vma.vm_pgoff;
	return offset < 0 || offset >= vma_pages(vma) ? -1 : vma.vm_start + offset * vma.vm_mm.arch.PAGE_SIZE;
}

/** The entry maps the KSM page in place of its own. @source mm/ksm.c:replace_page() - K */
function replace_page(vma: vm_area_struct, page: pfn_t, kpage: pfn_t, ptep: ptep_t): void {
	const m = vma.vm_mm.machine;
	spin_lock(table_of(m, ptep));
	get_page(m, kpage);
	page_add_anon_rmap(m, kpage);
	set_pte_at(m, ptep, mk_pte(vma), kpage);
	page_remove_rmap(m, page);
	if (!page_mapped(m, page)) try_to_free_swap(m, page);
	put_page(m, page);
	spin_unlock(table_of(m, ptep));
}

/**
 * Makes a page a KSM page, or merges it with one.
 *
 * @param page - with a reference
 * @param kpage - 0 to make the page itself one
 * @source mm/ksm.c:try_to_merge_one_page() - K
 */
function try_to_merge_one_page(vma: vm_area_struct, page: pfn_t, kpage: pfn_t): boolean {
	const m = vma.vm_mm.machine;
	if (page === kpage) return true;
	if (!vma_test(vma, VM_MERGEABLE) || !PageAnon(m, page) || PageTransHuge(m, page) || !trylock_page(page)) return false;
	const ptep = write_protect_page(vma, page);
	let done = false;
	if (ptep >= 0 && kpage === 0) {
		m.mem_map.flags[page]! |= PG_ksm;
		m.mem_map.mapping[page] = ksmOf(m).next_node++;
		done = true;
	} else if (ptep >= 0 && contentOf(m, page) === contentOf(m, kpage)) {
		replace_page(vma, page, kpage, ptep);
		done = true;
	}
	let locked = page;
	if (vma_test(vma, VM_LOCKED) && kpage !== 0 && done) {
		munlock_vma_page(m, page);
		if (!PageMlocked(m, kpage)) {
			unlock_page(page);
			lock_page(kpage);
			mlock_vma_page(m, kpage);
			locked = kpage;
		}
	}
	unlock_page(locked);
	return done;
}

/** @source mm/ksm.c:try_to_merge_with_ksm_page() - K */
function try_to_merge_with_ksm_page(m: Machine, item: rmap_item, page: pfn_t, kpage: pfn_t): boolean {
	const {mm} = item;
	down_read(mm);
	const vma = find_vma(mm, item.address);
	const done = vma !== null && vma.vm_start <= item.address && try_to_merge_one_page(vma, page, kpage);
	if (done) {
		remove_rmap_item_from_tree(m, item);
		item.anon_vma = vma.anon_vma;
	}
	up_read(mm);
	return done;
}

function remove_rmap_item_from_tree(m: Machine, item: rmap_item): void {
	if (item.head !== null) {
		const at = item.head.hlist.indexOf(item);
		if (at >= 0) item.head.hlist.splice(at, 1);
		item.head = null;
		item.anon_vma = null;
	}
	if (!item.unstable) return;
	item.unstable = false;
	const {unstable_tree} = ksmOf(m);
	for (const [content, other] of unstable_tree) if (other === item) unstable_tree.delete(content);
}

function stable_tree_append(item: rmap_item, node: stable_node): void {
	item.head = node;
	node.hlist.unshift(item);
}

/** The page that an address has now, if it can be merged. @source mm/ksm.c:get_mergeable_page() - I @model No reference is taken: a part of a huge page has no count. */
function get_mergeable_page(m: Machine, item: rmap_item): pfn_t {
	const {mm} = item, vma = find_vma(mm, item.address);
	if (vma === null || vma.vm_start > item.address || !vma_test(vma, VM_MERGEABLE) || vma.anon_vma === null) return 0;
	return followSplitting(m, mm, vma, item.address, false);
}

/**
 * The anonymous page at an address; 0 if there is none.
 *
 * @param split - a huge page is split, as it is before it merges
 */
function followSplitting(m: Machine, mm: mm_struct, vma: vm_area_struct, address: ulong, split: boolean): pfn_t {
	const pmd = pmd_walk(mm, address);
	if (pmd < 0 || pmd_none(m, pmd)) return 0;
	if (pmd_trans_huge(m, pmd)) {
		const head = pte_pfn(m, pmd);
		if (!PageAnon(m, head)) return 0;
		if (!split) return head + ((address / mm.arch.PAGE_SIZE) & (HPAGE_PMD_NR(mm) - 1));
		split_huge_page(m, head);
	}
	const ptep = pte_offset(mm, pmd, address), bits = ptep_get(m, ptep);
	if (!pte_present(bits) || pte_special(bits) || vma.vm_start > address) return 0;
	return PageAnon(m, pte_pfn(m, ptep)) ? pte_pfn(m, ptep) : 0;
}

/** Another page with the content was seen in this scan: both become one, the one that was seen later. @source mm/ksm.c:try_to_merge_two_pages() - K */
function mergeWithUnstable(m: Machine, item: rmap_item, other: rmap_item): void {
	const tree_page = splitFor(m, other), kpage = tree_page === 0 ? 0 : splitFor(m, item);
	if (kpage === 0 || tree_page === kpage) return;
	get_page(m, tree_page);
	get_page(m, kpage);
	if (try_to_merge_with_ksm_page(m, item, kpage, 0)) {
		if (try_to_merge_with_ksm_page(m, other, tree_page, kpage)) {
			const ksm = ksmOf(m), node: stable_node = {id: m.mem_map.mapping[kpage]!, kpfn: kpage, content: contentOf(m, kpage), hlist: []};
			ksm.stable_tree.set(node.content, node);
			stable_tree_append(other, node);
			stable_tree_append(item, node);
			ksm.changed = true;
		} else {
			break_cow(item);
		}
	}
	put_page(m, tree_page);
	put_page(m, kpage);
}

/** A merge that failed half-way: the address gets a page of its own again. @source mm/ksm.c:break_cow() - I */
function break_cow(item: rmap_item): void {
	item.anon_vma = null;
	down_read(item.mm);
	const vma = find_vma(item.mm, item.address);
	if (vma !== null && vma.vm_start <= item.address && vma_test(vma, VM_MERGEABLE)) break_ksm(vma, item.address);
	up_read(item.mm);
}

/** The page of an address, split off if it is a part of a huge one. @source mm/ksm.c:page_trans_compound_anon_split() - I */
function splitFor(m: Machine, item: rmap_item): pfn_t {
	const vma = find_vma(item.mm, item.address);
	return vma === null ? 0 : followSplitting(m, item.mm, vma, item.address, true);
}

/** What the daemon does with one page. @source mm/ksm.c:cmp_and_merge_page() - K */
function cmp_and_merge_page(m: Machine, page: pfn_t, item: rmap_item): void {
	const ksm = ksmOf(m), node = page_stable_node(m, page);
	if (node !== null && item.head === node) return;
	const content = contentOf(m, page), found = node ?? ksm.stable_tree.get(content), kpage = found === undefined ? 0 : get_ksm_page(m, found);
	remove_rmap_item_from_tree(m, item);
	if (kpage !== 0) {
		const own = page === kpage ? page : splitFor(m, item);
		get_page(m, kpage);
		get_page(m, own);
		if (try_to_merge_with_ksm_page(m, item, own, kpage)) {
			stable_tree_append(item, found!);
			ksm.changed ||= own !== kpage;
		}
		put_page(m, own);
		put_page(m, kpage);
		return;
	}
	if (item.oldchecksum !== content) {
		item.oldchecksum = content;
		ksm.changed = true;
		return;
	}
	const other = ksm.unstable_tree.get(content);
	if (other === undefined) {
		ksm.unstable_tree.set(content, item);
		item.unstable = true;
		return;
	}
	const tree_page = get_mergeable_page(m, other);
	if (tree_page === 0) return;
	// a page that a fork shares is not merged with itself
	if (tree_page !== page && contentOf(m, tree_page) === content) mergeWithUnstable(m, item, other);
}

/** Goes through one address space. @source mm/ksm.c:scan_get_next_rmap_item() - K */
function scanSlot(m: Machine, slot: mm_slot): void {
	const {mm} = slot, before = slot.rmap_list, seen: rmap_item[] = [], {PAGE_SIZE} = mm.arch;
	let at = 0;
	for (let vma = mm.mmap; vma !== null; vma = vma.vm_next) {
		if (!vma_test(vma, VM_MERGEABLE) || vma.anon_vma === null) continue;
		for (let address = vma.vm_start; address < vma.vm_end; address += PAGE_SIZE) {
			const page = followSplitting(m, mm, vma, address, false);
			if (page === 0) continue;
			for (; at < before.length && before[at]!.address < address; at++) remove_rmap_item_from_tree(m, before[at]!);
			const item = before[at]?.address === address ? before[at++]! : {mm, address, oldchecksum: null, head: null, unstable: false, anon_vma: null};
			seen.push(item);
			cmp_and_merge_page(m, page, item);
		}
	}
	for (; at < before.length; at++) remove_rmap_item_from_tree(m, before[at]!);
	slot.rmap_list = seen;
}

/**
 * A `ksm_scan` row: KSM scans until nothing more merges.
 *
 * @source mm/ksm.c:ksm_do_scan() - K
 */
export function ksm_scan(m: Machine): void {
	const ksm = ksmOf(m);
	do {
		ksm.changed = false;
		ksm.unstable_tree.clear();
		for (const {rmap_list} of ksm.slots) for (const item of rmap_list) item.unstable = false;
		for (const slot of [...ksm.slots]) scanSlot(m, slot);
	} while (ksm.changed);
}

/**
 * Goes to each vma that may map a KSM page: those of the addresses that were merged, then those of forked children.
 *
 * @param page - locked
 * @source mm/ksm.c:rmap_walk_ksm() - K
 */
export function rmap_walk_ksm(m: Machine, page: pfn_t, one: RmapOne, done: ((m: Machine, page: pfn_t) => boolean) | null): number {
	const node = page_stable_node(m, page);
	let ret = SWAP_AGAIN, ended = false;
	if (node === null) return ret;
	for (const newForks of [false, true]) {
		for (const item of [...node.hlist]) {
			item.anon_vma?.rb_root.forEachIn(-Infinity, Infinity, ({vma}) => {
				if (item.address < vma.vm_start || item.address >= vma.vm_end || (item.mm === vma.vm_mm) === newForks) return true;
				ret = one(m, page, vma, item.address);
				ended = ret !== SWAP_AGAIN || (done !== null && done(m, page));
				return !ended;
			});
			if (ended) return ret;
		}
	}
	return ret;
}
