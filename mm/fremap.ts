import {EAGAIN, EINTR, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {is_swap_pte, pmd_lock_key, pmd_lock_of, pmd_none, pmd_trans_huge, pmd_unlock_of, pte_clear, pte_mkdirty, pte_none, pte_offset, pte_pfn, pte_present, pte_same,
	pte_to_swp_entry, ptep_get, set_pte_at, set_pte_file, table_of} from '../include/asm-generic/pgtable.ts';
import {moving} from '../include/asm-generic/mman-common.ts';
import {BUG, modelBug} from '../include/linux/bug.ts';
import {because, D, decide} from '../include/linux/decisions.ts';
import {anon_vma_lock_write, anon_vma_unlock_write, down_read, down_write, lock_page, may_interleave, pmd_lock, pmd_lock_nested, pmd_unlock, spin_lock, spin_lock_nested, spin_unlock, unlock_page,
	up_read, up_write} from '../include/linux/lockdep.ts';
import {MAP_NONBLOCK} from '../include/linux/mman.ts';
import {dec_mm_counter, flags_or, get_page, linear_page_index, offset_in_page, page_down, page_mapcount, PageAnon, set_page_index, vma_flags, vma_set_flags, vma_test, VM_LOCKED,
	VM_NONLINEAR, VM_SHARED, wrap} from '../include/linux/mm.ts';
import type {mm_struct, task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import {HANG, type errno_t, type long, type pfn_t, type pgoff_t, type ptep_t, type pteval_t, type ulong} from '../include/linux/types.ts';
import {remap_anon_pages_huge_pmd, split_huge_page_pmd} from './huge_memory.ts';
import {__pte_alloc, maybe_mkwrite, mk_pte, mm_counter, pmd_alloc, vm_normal_page} from './memory.ts';
import {mm_populate, munlock_vma_pages_range} from './mlock.ts';
import {find_vma} from './mmap.ts';
import {put_page} from './page_alloc.ts';
import {anon_vma_prepare, mm_find_pmd, page_get_anon_vma, page_remove_rmap, put_anon_vma} from './rmap.ts';
import {swp_entry_swapcount} from './swapfile.ts';

const {RAP_ALLOW_SRC_HOLES} = moving;

/**
 * Takes the locks of two pte tables, the lower one first, so that two callers with the same tables cannot wait for each other.
 *
 * @source mm/fremap.c:double_pt_lock() - P; 2013-05: I
 */
export function double_pt_lock(table1: number, table2: number): void {
	spin_lock(Math.min(table1, table2));
	if (table1 !== table2) spin_lock_nested(Math.max(table1, table2));
}

/** @source mm/fremap.c:double_pt_unlock() - P; 2013-05: I */
export function double_pt_unlock(table1: number, table2: number): void {
	spin_unlock(table1);
	if (table1 !== table2) spin_unlock(table2);
}

/** As double_pt_lock(), for the locks of two pmd entries, which are one where the mm's page_table_lock guards both. */
export function double_pmd_lock(mm: mm_struct, pmd1: ptep_t, pmd2: ptep_t): void {
	const key1 = pmd_lock_key(mm, pmd1), key2 = pmd_lock_key(mm, pmd2);
	if (key1 === key2) return pmd_lock(key1);
	pmd_lock(key1 < key2 ? key1 : key2);
	pmd_lock_nested(key1 < key2 ? key2 : key1);
}

/** As double_pt_unlock(), for the locks of two pmd entries. */
export function double_pmd_unlock(mm: mm_struct, pmd1: ptep_t, pmd2: ptep_t): void {
	const key1 = pmd_lock_key(mm, pmd1), key2 = pmd_lock_key(mm, pmd2);
	pmd_unlock(key1);
	if (key1 !== key2) pmd_unlock(key2);
}

/**
 * Moves the page of a present source entry: it takes the anon_vma and the index of the destination. The new entry is dirty, young and as writable as
 * its vma, whatever the old one was. The page's mark of mlock and its place in the swap cache stay with it.
 *
 * @returns 0; `rev.src_shared`; -EAGAIN, with nothing changed
 * @source mm/fremap.c:remap_anon_pages_pte(), the branch of pte_present() - P; 2013-05: I
 */
function movePage(mm: mm_struct, dst_vma: vm_area_struct, dst_addr: ulong, dst_pte: ptep_t, src_pte: ptep_t, orig_src_pte: pteval_t,
	src_frame: pfn_t): errno_t {
	const m = mm.machine, {rev} = mm, dst_table = table_of(m, dst_pte), src_table = table_of(m, src_pte);
	spin_lock(src_table);
	if (!pte_same(m, src_pte, orig_src_pte, src_frame)) {
		spin_unlock(src_table);
		return because(m, D.rap_src_changed, -EAGAIN);
	}
	const src_page = vm_normal_page(m, src_pte, orig_src_pte);
	if (src_page === 0 || !PageAnon(m, src_page)) {
		spin_unlock(src_table);
		return because(m, D.rap_src_not_anon, rev.src_shared);
	}
	if (page_mapcount(m, src_page) !== 1) {
		spin_unlock(src_table);
		return because(m, D.rap_src_mapped_twice, rev.src_shared);
	}
	get_page(m, src_page);
	spin_unlock(src_table);
	may_interleave('remap_anon_pages_pte: page pinned, before the page lock');
	lock_page(src_page);
	const src_anon_vma = page_get_anon_vma(m, src_page);
	if (src_anon_vma === null) {
		unlock_page(src_page);
		put_page(m, src_page);
		return because(m, D.rap_src_no_anon_vma, -EAGAIN);
	}
	anon_vma_lock_write(src_anon_vma);
	may_interleave('remap_anon_pages_pte: before both page-table locks');
	double_pt_lock(dst_table, src_table);
	if (!pte_same(m, src_pte, orig_src_pte, src_frame) || !pte_none(ptep_get(m, dst_pte)) || page_mapcount(m, src_page) !== 1) {
		double_pt_unlock(dst_table, src_table);
		anon_vma_unlock_write(src_anon_vma);
		put_anon_vma(m, src_anon_vma);
		unlock_page(src_page);
		put_page(m, src_page);
		return because(m, D.rap_raced, -EAGAIN);
	}
	if (!PageAnon(m, src_page)) BUG('!PageAnon(src_page)');
	put_page(m, src_page);
	m.mem_map.mapping[src_page] = dst_vma.anon_vma!.id;
	set_page_index(m, src_page, linear_page_index(dst_vma, dst_addr));
	// the processor may have set a bit since the entry was compared: in the kernel that is a BUG(), here there is no other processor
	pte_clear(m, src_pte);
	set_pte_at(m, dst_pte, maybe_mkwrite(pte_mkdirty(m, mk_pte(dst_vma)), dst_vma), src_page);
	double_pt_unlock(dst_table, src_table);
	anon_vma_unlock_write(src_anon_vma);
	put_anon_vma(m, src_anon_vma);
	unlock_page(src_page);
	return because(m, D.rap_page_moved, 0);
}

/**
 * Moves a swap entry as it is. A page of it in the swap cache is left alone: its mapping and index stay those of the source.
 *
 * @returns 0; `rev.src_shared`; -EAGAIN, with nothing changed
 * @source mm/fremap.c:remap_anon_pages_pte(), the branch of swap entries - P; 2013-05: I
 */
function moveSwapEntry(mm: mm_struct, dst_pte: ptep_t, src_pte: ptep_t, orig_src_pte: pteval_t): errno_t {
	const m = mm.machine, dst_table = table_of(m, dst_pte), src_table = table_of(m, src_pte);
	if (!is_swap_pte(orig_src_pte)) return modelBug('an entry that is neither present nor a swap entry');
	const entry = pte_to_swp_entry(m, src_pte);
	if (swp_entry_swapcount(m, entry) !== 1) return because(m, D.rap_swap_shared, mm.rev.src_shared);
	may_interleave('remap_anon_pages_pte: before both page-table locks');
	double_pt_lock(dst_table, src_table);
	if (!pte_same(m, src_pte, orig_src_pte, entry) || !pte_none(ptep_get(m, dst_pte)) || swp_entry_swapcount(m, entry) !== 1) {
		double_pt_unlock(dst_table, src_table);
		return because(m, D.rap_swap_raced, -EAGAIN);
	}
	pte_clear(m, src_pte);
	set_pte_at(m, dst_pte, orig_src_pte, entry);
	double_pt_unlock(dst_table, src_table);
	return because(m, D.rap_swap_moved, 0);
}

/**
 * Moves what one source entry holds to one destination entry.
 *
 * @param dst_addr - bytes, page-aligned; its page table exists, as does that of the source
 * @returns 0, also for a hole that is allowed; `rev.dst_mapped`, `rev.src_hole`, `rev.src_shared`; -EAGAIN to try again; with nothing changed
 * @source mm/fremap.c:remap_anon_pages_pte() - P; 2013-05: I
 * @model Other tasks can run only at the points named with may_interleave(), which are free in a replay; after one, everything is looked at again, as in
 * the kernel. Nonlinear entries come with their issue. A migration entry would be
 * waited for and looked at again; since tasks take turns, it is gone before anybody can see it.
 */
function remap_anon_pages_pte(mm: mm_struct, dst_vma: vm_area_struct, dst_addr: ulong, dst_pte: ptep_t, src_pte: ptep_t, flags: number): errno_t {
	const m = mm.machine, {rev} = mm, dst_table = table_of(m, dst_pte), src_table = table_of(m, src_pte);
	spin_lock(dst_table);
	const orig_dst_pte = ptep_get(m, dst_pte);
	spin_unlock(dst_table);
	may_interleave('remap_anon_pages_pte: destination read, lock dropped');
	if (!pte_none(orig_dst_pte)) return because(m, D.rap_dst_mapped, rev.dst_mapped);
	spin_lock(src_table);
	const orig_src_pte = ptep_get(m, src_pte), src_frame = pte_pfn(m, src_pte);
	spin_unlock(src_table);
	may_interleave('remap_anon_pages_pte: source read, lock dropped');
	if (pte_none(orig_src_pte)) {
		if ((flags & RAP_ALLOW_SRC_HOLES) === 0) return because(m, D.rap_src_hole, rev.src_hole);
		return because(m, D.rap_src_hole_allowed, 0);
	}
	return pte_present(orig_src_pte)
		? movePage(mm, dst_vma, dst_addr, dst_pte, src_pte, orig_src_pte, src_frame)
		: moveSwapEntry(mm, dst_pte, src_pte, orig_src_pte);
}

/**
 * One turn of the call's loop: the page tables of one page on both sides, then the page, or a whole huge page.
 *
 * @param end - of the source
 * @returns how many bytes were moved; otherwise as remap_anon_pages_pte, or -ENOMEM for page tables
 * @source mm/fremap.c:remap_anon_pages() - P; 2013-05: I
 * @model Whether both sides are aligned alike is asked anew for each huge page, and not remembered from the first: the answer is the same.
 */
function remapOne(mm: mm_struct, dst_vma: vm_area_struct, src_vma: vm_area_struct, dst_addr: ulong, src_addr: ulong, end: ulong, flags: number): long {
	const m = mm.machine, {rev} = mm, {PAGE_SIZE, PMD_SIZE} = mm.arch, holes = (flags & RAP_ALLOW_SRC_HOLES) !== 0;
	let src_pmd = mm_find_pmd(mm, src_addr);
	if (src_pmd < 0) {
		if (!holes) return because(m, D.rap_src_no_pmd, rev.src_hole);
		decide(m, D.rap_src_no_pmd_allowed);
		src_pmd = pmd_alloc(mm, src_addr);
		if (src_pmd < 0) return because(m, D.rap_src_pmd_nomem, -ENOMEM);
	}
	const dst_pmd = pmd_alloc(mm, dst_addr);
	if (dst_pmd < 0) return because(m, D.rap_dst_pmd_nomem, -ENOMEM);
	const dst_empty = pmd_none(m, dst_pmd);
	if (pmd_trans_huge(m, dst_pmd)) return because(m, D.rap_dst_huge, rev.dst_mapped);
	if (pmd_trans_huge(m, src_pmd)) {
		pmd_lock_of(mm, src_pmd);
		if (dst_empty && src_addr % PMD_SIZE === 0 && dst_addr % PMD_SIZE === 0 && end - src_addr >= PMD_SIZE) {
			const err = remap_anon_pages_huge_pmd(mm, dst_pmd, src_pmd, dst_vma, dst_addr);
			return err === 0 ? PMD_SIZE : err;
		}
		pmd_unlock_of(mm, src_pmd);
		decide(m, D.rap_huge_split);
		split_huge_page_pmd(src_vma, src_addr, src_pmd);
	}
	if (pmd_none(m, src_pmd)) {
		if (!holes) return because(m, D.rap_src_pmd_none, rev.src_hole);
		if (__pte_alloc(mm, src_pmd) !== 0) return because(m, D.rap_src_pte_nomem, -ENOMEM);
	}
	if (dst_empty && pmd_none(m, dst_pmd) && __pte_alloc(mm, dst_pmd) !== 0) return because(m, D.rap_dst_pte_nomem, -ENOMEM);
	const err = remap_anon_pages_pte(mm, dst_vma, dst_addr, pte_offset(mm, dst_pmd, dst_addr), pte_offset(mm, src_pmd, src_addr), flags);
	return err === 0 ? PAGE_SIZE : err;
}

// remap_file_pages

/** Empties an entry of a shared mapping. @source mm/fremap.c:zap_pte() - I */
function zap_pte(mm: mm_struct, ptep: ptep_t): void {
	const m = mm.machine, bits = ptep_get(m, ptep), page = pte_present(bits) ? vm_normal_page(m, ptep, bits) : 0;
	pte_clear(m, ptep);
	if (page === 0) return;
	dec_mm_counter(mm, mm_counter(m, page));
	page_remove_rmap(m, page);
	put_page(m, page);
}

/**
 * Puts page offsets into the entries of a range, for faults to find.
 *
 * @returns 0; -ENOMEM, with the entries before done
 * @source mm/fremap.c:generic_file_remap_pages(), install_file_pte() - I
 */
function generic_file_remap_pages(mm: mm_struct, start: ulong, size: ulong, pgoff: pgoff_t): errno_t {
	const m = mm.machine, {PAGE_SIZE} = mm.arch;
	for (let done = 0; done < size; done += PAGE_SIZE) {
		const pmd = pmd_alloc(mm, start + done);
		if (pmd < 0 || (pmd_none(m, pmd) && __pte_alloc(mm, pmd) !== 0)) return because(m, D.rfp_nomem, -ENOMEM);
		const ptep = pte_offset(mm, pmd, start + done);
		spin_lock(table_of(m, ptep));
		if (!pte_none(ptep_get(m, ptep))) zap_pte(mm, ptep);
		set_pte_file(m, ptep, pgoff + done / PAGE_SIZE, true);
		spin_unlock(table_of(m, ptep));
	}
	return 0;
}

/** The part of remap_file_pages() that holds the mmap_sem. @returns 0 or a negated errno, and whether the vma is mlocked */
function remapFilePages(mm: mm_struct, start: ulong, size: ulong, pgoff: pgoff_t): {err: errno_t, locked: boolean} {
	const m = mm.machine, vma = find_vma(mm, start);
	if (vma === null || !vma_test(vma, VM_SHARED)) return {err: because(m, D.rfp_not_shared, -EINVAL), locked: false};
	const locked = vma_test(vma, VM_LOCKED);
	if (vma.vm_ops === null || !vma.vm_ops.remap_pages) return {err: because(m, D.rfp_cannot, -EINVAL), locked};
	if (start < vma.vm_start || start + size > vma.vm_end) return {err: because(m, D.rfp_outside_vma, -EINVAL), locked};
	if (!vma_test(vma, VM_NONLINEAR)) {
		if (pgoff === linear_page_index(vma, start)) return {err: because(m, D.rfp_linear, 0), locked};
		vma_set_flags(vma, flags_or(vma_flags(vma), VM_NONLINEAR));
	}
	if (locked) {
		const flags = vma_flags(vma);
		munlock_vma_pages_range(vma, start, start + size);
		vma_set_flags(vma, flags);
	}
	return {err: generic_file_remap_pages(mm, start, size, pgoff), locked};
}

/**
 * Maps pages of a shared file in any order, without more vmas: the vma becomes nonlinear, and its entries say which page is where.
 *
 * @param prot - all 64 bits; must be 0
 * @returns 0; -EINVAL, -ENOMEM
 * @source mm/fremap.c:remap_file_pages() - I
 * @model The mmap_sem is taken for writing at once, where the kernel begins with a reader's and starts again. No file here accounts dirty pages, for
 * which the kernel would make a linear mapping instead.
 */
export function sys_remap_file_pages(task: task_struct, mm: mm_struct, start_: ulong, size_: ulong, prot: ulong, pgoff: ulong, flags: ulong): errno_t {
	const m = mm.machine, start = page_down(mm, start_), size = page_down(mm, size_);
	if (prot !== 0) return because(m, D.rfp_prot, -EINVAL);
	if (wrap(mm, start + size) <= start) return because(m, D.rfp_wraps, -EINVAL);
	if (pgoff + size / mm.arch.PAGE_SIZE >= 2 ** mm.arch.PTE_FILE_MAX_BITS) return because(m, D.rfp_pgoff_overflows, -EINVAL);
	down_write(mm);
	const {err, locked} = remapFilePages(mm, start, size, pgoff);
	up_write(mm);
	if (err === 0 && (locked || (flags & MAP_NONBLOCK) === 0)) mm_populate(task, mm, start, size);
	return err;
}

// the call

/**
 * The vma that holds one side of the call: private, and the whole range in it.
 *
 * @returns null where the call is -EINVAL
 */
function vmaOfSide(mm: mm_struct, start: ulong, len: ulong, no_vma: number, shared: number, outside: number): vm_area_struct | null {
	const m = mm.machine, vma = find_vma(mm, start);
	if (vma === null) decide(m, no_vma);
	else if (vma_test(vma, VM_SHARED)) decide(m, shared);
	else if (start < vma.vm_start || start + len > vma.vm_end) decide(m, outside);
	else return vma;
	return null;
}

/**
 * Moves the pages of a range, page by page, with the mmap_sem held for reading.
 *
 * @returns what the system call returns
 */
function remapRange(task: task_struct, mm: mm_struct, dst_start: ulong, src_start: ulong, len: ulong, flags: number): long {
	const m = mm.machine, {rev} = mm;
	const src_vma = vmaOfSide(mm, src_start, len, D.rap_src_no_vma, D.rap_src_vma_shared, D.rap_src_outside_vma);
	if (src_vma === null) return -EINVAL;
	const dst_vma = vmaOfSide(mm, dst_start, len, D.rap_dst_no_vma, D.rap_dst_vma_shared, D.rap_dst_outside_vma);
	if (dst_vma === null) return -EINVAL;
	if (src_vma.vm_page_prot !== dst_vma.vm_page_prot) return because(m, D.rap_prot_differs, -EINVAL);
	if (vma_test(src_vma, VM_LOCKED) !== vma_test(dst_vma, VM_LOCKED)) return because(m, D.rap_mlock_differs, -EINVAL);
	if (anon_vma_prepare(dst_vma) !== 0) return because(m, D.rap_no_anon_vma, -ENOMEM);
	let moved = 0, err = 0;
	while (moved < len) {
		const done = remapOne(mm, dst_vma, src_vma, dst_start + moved, src_start + moved, src_start + len, flags);
		may_interleave('remap_anon_pages: between two pages');
		err = done > 0 ? 0 : done;
		if (done > 0) moved += done;
		if (err !== 0 && err !== -EAGAIN) break;
		if (task.fatal_signal_pending || (rev.any_signal_interrupts && task.signal_pending)) {
			err = because(m, D.rap_interrupted, -EINTR);
			break;
		}
		// nothing else runs in a replay, so what has to be tried again once has to be for ever
		if (err === -EAGAIN) return HANG;
	}
	if (!rev.returns_bytes) return err;
	if (moved > 0 && err !== 0) decide(m, D.rap_short);
	return moved > 0 ? moved : err;
}

/**
 * Moves the anonymous pages of a range to a range of holes. Strict: it stops at the first page that is not as it should be.
 *
 * The errors, in the order in which they win: -EINVAL for arguments, source, destination, rights, mlock; -ENOMEM; then, page by page, what
 * remap_anon_pages_pte() says. A move prepares the anon_vma and the page tables of the destination even if its first page fails.
 *
 * @param flags - all 64 bits; the posting of 2013 has no such argument
 * @returns `rev.returns_bytes`: the bytes moved, also if fewer than asked, or the error if none; otherwise 0 or the error
 * @source mm/fremap.c:remap_anon_pages() - P; 2013-05: I
 */
export function sys_remap_anon_pages(task: task_struct, mm: mm_struct, dst_start_: ulong, src_start_: ulong, len_: ulong, flags_: ulong): long {
	const m = mm.machine, {rev} = mm;
	let dst_start = dst_start_, src_start = src_start_, len = len_, flags = 0;
	if (rev.rounds_down) {
		dst_start = page_down(mm, dst_start);
		src_start = page_down(mm, src_start);
		len = page_down(mm, len);
		if (dst_start !== dst_start_ || src_start !== src_start_ || len !== len_) decide(m, D.rap_rounded_down);
	} else {
		if (offset_in_page(mm, src_start)) return because(m, D.rap_src_unaligned, -EINVAL);
		if (offset_in_page(mm, dst_start)) return because(m, D.rap_dst_unaligned, -EINVAL);
		if (offset_in_page(mm, len)) return because(m, D.rap_len_unaligned, -EINVAL);
	}
	if (rev.takes_flags) {
		if (flags_ > RAP_ALLOW_SRC_HOLES) return because(m, D.rap_unknown_flags, -EINVAL);
		flags = flags_;
	}
	if (wrap(mm, src_start + len) <= src_start) return because(m, D.rap_src_wraps, -EINVAL);
	if (wrap(mm, dst_start + len) <= dst_start) return because(m, D.rap_dst_wraps, -EINVAL);
	down_read(mm);
	const ret = remapRange(task, mm, dst_start, src_start, len, flags);
	up_read(mm);
	return ret;
}
