import {_PAGE_SOFT_DIRTY} from '../arch/x86/pgtable.ts';
import {EFAULT, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {addr_end, is_swap_pte, pmd_none, pmd_trans_huge, pmd_walk, pte_clear, pte_none, pte_offset, pte_pfn, pte_swp_mksoft_dirty, ptep_get,
	set_pte_at, table_of} from '../include/asm-generic/pgtable.ts';
import {because, D} from '../include/linux/decisions.ts';
import {anon_vma_lock_write, anon_vma_unlock_write, down_write, spin_lock, spin_lock_nested, spin_unlock, up_write} from '../include/linux/lockdep.ts';
import {MAP_FIXED, MREMAP_FIXED, MREMAP_MAYMOVE} from '../include/linux/mman.ts';
import {flags_clear, flags_or, offset_in_page, PAGE_ALIGN, vma_flags, vma_set_flags, vma_test, VM_ACCOUNT, VM_DONTEXPAND, VM_LOCKED,
	VM_PFNMAP, wrap} from '../include/linux/mm.ts';
import type {mm_struct, task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import type {errno_t, long, ptep_t, pteval_t, ulong} from '../include/linux/types.ts';
import {move_huge_pmd, split_huge_page_pmd} from './huge_memory.ts';
import {ksm_madvise} from './ksm.ts';
import {__pte_alloc, pmd_alloc} from './memory.ts';
import {mm_populate} from './mlock.ts';
import {copy_vma, do_munmap, find_vma, get_unmapped_area, growVma} from './mmap.ts';

/** An entry that moved is soft-dirty, present, swapped or nonlinear. @source mm/mremap.c:move_soft_dirty_pte() - K */
function move_soft_dirty_pte(vma: vm_area_struct, bits: pteval_t): pteval_t {
	if (!vma.vm_mm.rev.soft_dirty) return bits;
	return is_swap_pte(bits) ? pte_swp_mksoft_dirty(bits) : bits | _PAGE_SOFT_DIRTY;
}

/** @param need_rmap_locks - the rmap could miss entries on their way, so it is kept out @source mm/mremap.c:move_ptes() - K */
function move_ptes(vma: vm_area_struct, old_pmd: ptep_t, old_addr: ulong, old_end: ulong, new_pmd: ptep_t, new_addr: ulong,
	need_rmap_locks: boolean): void {
	const mm = vma.vm_mm, m = mm.machine, av = need_rmap_locks ? vma.anon_vma : null;
	if (av !== null) anon_vma_lock_write(av);
	let old_pte = pte_offset(mm, old_pmd, old_addr), new_pte = pte_offset(mm, new_pmd, new_addr);
	const old_table = table_of(m, old_pte), new_table = table_of(m, new_pte);
	spin_lock(old_table);
	if (new_table !== old_table) spin_lock_nested(new_table);
	for (let at = old_addr; at < old_end; at += mm.arch.PAGE_SIZE, old_pte++, new_pte++) {
		const bits = ptep_get(m, old_pte), frame = pte_pfn(m, old_pte);
		if (pte_none(bits)) continue;
		pte_clear(m, old_pte);
		set_pte_at(m, new_pte, move_soft_dirty_pte(vma, bits), frame);
	}
	if (new_table !== old_table) spin_unlock(new_table);
	spin_unlock(old_table);
	if (av !== null) anon_vma_unlock_write(av);
}

/** How much is moved under one hold of the locks: 64 pages. */
const LATENCY_PAGES = 64;

/**
 * Moves the entries of a range, as they are.
 *
 * @returns how many bytes; fewer than `len` if there is no memory for tables
 * @source mm/mremap.c:move_page_tables() - K
 */
function move_page_tables(vma: vm_area_struct, old_start: ulong, new_vma: vm_area_struct, new_start: ulong, len: ulong, need_rmap_locks: boolean): ulong {
	const mm = vma.vm_mm, m = mm.machine, {PMD_SIZE, PAGE_SIZE} = mm.arch, old_end = old_start + len;
	let old_addr = old_start, new_addr = new_start;
	for (let extent = 0; old_addr < old_end; old_addr += extent, new_addr += extent) {
		extent = addr_end(old_addr, old_end, PMD_SIZE) - old_addr;
		const old_pmd = pmd_walk(mm, old_addr);
		if (old_pmd < 0 || pmd_none(m, old_pmd)) continue;
		const new_pmd = pmd_alloc(mm, new_addr);
		if (new_pmd < 0) break;
		if (pmd_trans_huge(m, old_pmd)) {
			if (extent === PMD_SIZE && move_huge_pmd(new_vma, old_addr, new_addr, old_end, old_pmd, new_pmd)) continue;
			split_huge_page_pmd(vma, old_addr, old_pmd);
		}
		if (pmd_none(m, new_pmd) && __pte_alloc(mm, new_pmd) !== 0) break;
		extent = Math.min(extent, addr_end(new_addr, new_addr + extent, PMD_SIZE) - new_addr, LATENCY_PAGES * PAGE_SIZE);
		move_ptes(vma, old_pmd, old_addr, old_addr + extent, new_pmd, new_addr, need_rmap_locks);
	}
	return old_addr - old_start;
}

/** What mremap must fault in when it is done. */
interface Locked {
	locked: boolean;
}

/**
 * Moves a part of a vma, or all of it, to a free range.
 *
 * @returns the new address; -ENOMEM
 * @source mm/mremap.c:move_vma() - K
 */
function move_vma(task: task_struct, old_vma: vm_area_struct, old_addr_: ulong, old_len_: ulong, new_len: ulong, new_addr_: ulong, result: Locked): long {
	const mm = old_vma.vm_mm, m = mm.machine, {PAGE_SIZE} = mm.arch, vm_flags = vma_flags(old_vma);
	if (mm.map_count >= m.config.max_map_count - 3) return because(m, D.mremap_too_many_vmas, -ENOMEM);
	// KSM pages would be strangers at the new place
	const unmerged = ksm_madvise(task, old_vma, old_addr_, old_addr_ + old_len_, false, vm_flags);
	if (unmerged < 0) return unmerged;
	const new_pgoff = old_vma.vm_pgoff + (old_addr_ - old_vma.vm_start) / PAGE_SIZE;
	const copy = copy_vma(old_vma, new_addr_, new_len, new_pgoff);
	let {vma} = copy, old_addr = old_addr_, old_len = old_len_, new_addr: long = new_addr_;
	const moved_len = move_page_tables(vma, old_addr, copy.new_vma, new_addr, old_len, copy.need_rmap_locks);
	if (moved_len < old_len) {
		// back again, for which the tables are there still; then the new place is what is unmapped
		move_page_tables(copy.new_vma, new_addr, vma, old_addr, moved_len, true);
		vma = copy.new_vma;
		old_len = new_len;
		old_addr = new_addr;
		new_addr = because(m, D.mremap_tables_nomem, -ENOMEM);
	}
	// hidden, so that the accounting of the old place is not undone
	let excess = 0, split = false;
	if ((vm_flags & VM_ACCOUNT) !== 0) {
		vma_set_flags(vma, flags_clear(vma_flags(vma), VM_ACCOUNT));
		excess = vma.vm_end - vma.vm_start - old_len;
		split = old_addr > vma.vm_start && old_addr + old_len < vma.vm_end;
	}
	mm.total_vm += new_len / PAGE_SIZE;
	if (do_munmap(mm, old_addr, old_len) < 0) excess = 0;
	if (excess !== 0) {
		vma_set_flags(vma, flags_or(vma_flags(vma), VM_ACCOUNT));
		if (split) vma_set_flags(vma.vm_next!, flags_or(vma_flags(vma.vm_next!), VM_ACCOUNT));
	}
	if ((vm_flags & VM_LOCKED) !== 0) {
		mm.locked_vm += new_len / PAGE_SIZE;
		result.locked = true;
	}
	return new_addr;
}

/**
 * The vma that holds the old range, if it can have the new length.
 *
 * @returns -EFAULT, -EINVAL in place of it
 * @source mm/mremap.c:vma_to_resize() - K
 */
function vma_to_resize(mm: mm_struct, addr: ulong, old_len: ulong, new_len: ulong): vm_area_struct | errno_t {
	const m = mm.machine, vma = find_vma(mm, addr);
	if (vma === null || vma.vm_start > addr) return because(m, D.mremap_no_vma, -EFAULT);
	if (old_len > vma.vm_end - addr) return because(m, D.mremap_spans_vmas, -EFAULT);
	if (new_len > old_len) {
		if (vma_test(vma, VM_DONTEXPAND | VM_PFNMAP)) return because(m, D.mremap_spans_vmas, -EFAULT);
		const pgoff = (addr - vma.vm_start) / mm.arch.PAGE_SIZE + vma.vm_pgoff;
		if (pgoff + new_len / mm.arch.PAGE_SIZE >= mm.arch.ULONG_RANGE) return because(m, D.mremap_pgoff_overflows, -EINVAL);
	}
	return vma;
}

/** MREMAP_FIXED: what the new range held is dropped, without a word. @source mm/mremap.c:mremap_to() - K */
function mremap_to(task: task_struct, mm: mm_struct, addr: ulong, old_len_: ulong, new_addr: ulong, new_len: ulong, result: Locked): long {
	const m = mm.machine, {TASK_SIZE} = mm.arch;
	let old_len = old_len_;
	if (offset_in_page(mm, new_addr)) return because(m, D.mremap_to_unaligned, -EINVAL);
	if (new_len > TASK_SIZE || new_addr > TASK_SIZE - new_len) return because(m, D.mremap_to_past_task_size, -EINVAL);
	if ((new_addr <= addr && new_addr + new_len > addr) || (addr <= new_addr && wrap(mm, addr + old_len) > new_addr)) {
		return because(m, D.mremap_to_overlaps, -EINVAL);
	}
	const error = do_munmap(mm, new_addr, new_len);
	if (error !== 0) return error;
	if (old_len >= new_len) {
		const shrunk = do_munmap(mm, wrap(mm, addr + new_len), old_len - new_len);
		if (shrunk !== 0 && old_len !== new_len) return shrunk;
		old_len = new_len;
	}
	const vma = vma_to_resize(mm, addr, old_len, new_len);
	if (typeof vma === 'number') return vma;
	const at = get_unmapped_area(mm, new_addr, new_len, MAP_FIXED);
	return at < 0 ? at : move_vma(task, vma, addr, old_len, new_len, new_addr, result);
}

/** Is there room behind the vma? @source mm/mremap.c:vma_expandable() - K */
function vma_expandable(vma: vm_area_struct, delta: ulong): boolean {
	const mm = vma.vm_mm, end = vma.vm_end + delta;
	if (vma.vm_next !== null && vma.vm_next.vm_start < end) return false;
	return end <= mm.arch.TASK_SIZE;
}

/** Without MREMAP_FIXED: shrinks, grows in place, or moves. */
function resize(task: task_struct, mm: mm_struct, addr: ulong, old_len: ulong, new_len: ulong, flags: number, result: Locked & {new_addr: ulong}): long {
	const m = mm.machine;
	if (old_len >= new_len) {
		const error = do_munmap(mm, wrap(mm, addr + new_len), old_len - new_len);
		return error !== 0 && old_len !== new_len ? error : addr;
	}
	const vma = vma_to_resize(mm, addr, old_len, new_len);
	if (typeof vma === 'number') return vma;
	if (old_len === vma.vm_end - addr && vma_expandable(vma, new_len - old_len)) {
		const pages = (new_len - old_len) / mm.arch.PAGE_SIZE;
		growVma(vma, addr + new_len);
		mm.total_vm += pages;
		if (vma_test(vma, VM_LOCKED)) {
			mm.locked_vm += pages;
			result.locked = true;
			result.new_addr = addr;
		}
		return addr;
	}
	if ((flags & MREMAP_MAYMOVE) === 0) return because(m, D.mremap_cannot_grow, -ENOMEM);
	const at = get_unmapped_area(mm, 0, new_len, 0);
	if (at < 0) return at;
	result.new_addr = at;
	return move_vma(task, vma, addr, old_len, new_len, at, result);
}

/**
 * @param flags - all 64 bits
 * @returns the address; -EINVAL, -EFAULT, -ENOMEM
 * @source mm/mremap.c:mremap() - K
 */
export function sys_mremap(task: task_struct, mm: mm_struct, addr: ulong, old_len_: ulong, new_len_: ulong, flags: ulong, new_addr: ulong): long {
	const m = mm.machine, fixed = (flags & MREMAP_FIXED) !== 0, maymove = (flags & MREMAP_MAYMOVE) !== 0;
	if (flags > (MREMAP_FIXED | MREMAP_MAYMOVE)) return because(m, D.mremap_bad_flags, -EINVAL);
	if (fixed && !maymove && !mm.rev.mremap_fixed_checked_late) return because(m, D.mremap_fixed_not_maymove, -EINVAL);
	if (offset_in_page(mm, addr)) return because(m, D.mremap_unaligned, -EINVAL);
	const old_len = PAGE_ALIGN(mm, old_len_), new_len = PAGE_ALIGN(mm, new_len_);
	if (new_len === 0) return because(m, D.mremap_new_len_zero, -EINVAL);
	if (fixed && !maymove) return because(m, D.mremap_fixed_not_maymove, -EINVAL);
	const result = {locked: false, new_addr};
	down_write(mm);
	const ret = fixed ? mremap_to(task, mm, addr, old_len, new_addr, new_len, result) : resize(task, mm, addr, old_len, new_len, flags, result);
	up_write(mm);
	if (result.locked && new_len > old_len) mm_populate(task, mm, result.new_addr + old_len, new_len - old_len);
	return ret;
}
