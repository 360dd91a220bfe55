import {pmd_none, pmd_trans_huge, pte_offset, pte_present, ptep_get, table_of} from '../include/asm-generic/pgtable.ts';
import {EFAULT, EINVAL, EIO, ESRCH} from '../include/asm-generic/errno.ts';
import {because, D} from '../include/linux/decisions.ts';
import {down_read, down_write, spin_lock, spin_unlock, up_read, up_write} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {MAX_NUMNODES, type mempolicy, MPOL_DEFAULT, mpol_equal, MPOL_F_RELATIVE_NODES, MPOL_F_STATIC_NODES, MPOL_LOCAL, MPOL_MAX, MPOL_MF_MOVE,
	MPOL_MF_MOVE_ALL, MPOL_MF_STRICT, MPOL_MF_VALID, MPOL_MODE_FLAGS, MPOL_PREFERRED, NR_NODES, NUMA_NO_NODE} from '../include/linux/mempolicy.ts';
import {offset_in_page, PAGE_ALIGN, page_mapcount, page_to_nid, PageKsm, PG_nid_last, PG_node1, vma_flags, vma_test, VM_EXEC, VM_HUGETLB, VM_IO, VM_PFNMAP,
	VM_READ, VM_WRITE, wrap} from '../include/linux/mm.ts';
import type {mm_struct, task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import type {errno_t, long, pfn_t, ptep_t, ulong} from '../include/linux/types.ts';
import {split_huge_page_pmd} from './huge_memory.ts';
import {page_address_in_vma} from './ksm.ts';
import {vm_normal_page, walkPmds} from './memory.ts';
import {isolate_lru_page, migrate_pages, type PageList, putback_movable_pages} from './migrate.ts';
import {find_vma, split_vma, vma_merge} from './mmap.ts';
import {change_protection} from './mprotect.ts';
import {alloc_page} from './page_alloc.ts';

// Where pages come from. There are two nodes, and every task runs on node 0.

/** The node that a page comes from under a policy. @param nid - the node where no policy says another one @source mm/mempolicy.c:policy_zonelist() - I */
export function policy_node(pol: mempolicy | null, nid: number): number {
	return pol === null || pol.node === NUMA_NO_NODE ? nid : pol.node;
}

/** Allocates a page of a node. @returns 0 if the allocation fails @source include/linux/gfp.h:alloc_pages_node() - I */
export function alloc_pages_node(m: Machine, nid: number): pfn_t {
	const page = alloc_page(m);
	if (nid !== 0 && page !== 0) m.mem_map.flags[page]! |= PG_node1;
	return page;
}

/**
 * Allocates a page where the policy of a vma says.
 *
 * @param vma - null where there is none: then the page comes from the node of the task
 * @returns 0 if the allocation fails
 * @source mm/mempolicy.c:alloc_pages_vma() - I
 * @model set_mempolicy is not a row, so no task has a policy of its own.
 */
export function alloc_page_vma(m: Machine, vma: vm_area_struct | null): pfn_t {
	return vma === null || vma.vm_policy === null ? alloc_page(m) : alloc_pages_node(m, policy_node(vma.vm_policy, 0));
}

/** @source include/linux/mempolicy.h:vma_migratable() - I */
export function vma_migratable(vma: vm_area_struct): boolean {
	return !vma_test(vma, VM_IO | VM_HUGETLB | VM_PFNMAP);
}

/**
 * A NUMA hint fault: is the page on another node than it should be? Only where no policy is set, since a policy would have to ask for it with
 * MPOL_F_MOF, which no user can.
 *
 * @returns the node that it should move to; -1 if it stays
 * @source mm/mempolicy.c:mpol_misplaced() - I; should_numa_migrate_memory() of kernel/sched/fair.c, Linux 3.17: I
 * @model Every task runs on node 0. In Linux 3.17 a page that was last used from this node always moves there; numa groups, which can refuse, have their
 * only node there as well.
 */
export function mpol_misplaced(m: Machine, page: pfn_t, vma: vm_area_struct): number {
	if (vma.vm_policy !== null) return -1;
	if (m.rev.numa_two_stage_filter) {
		const {flags} = m.mem_map, seen = (flags[page]! & PG_nid_last) !== 0;
		flags[page]! |= PG_nid_last;
		if (!seen) return -1;
	}
	return page_to_nid(m, page) === 0 ? -1 : because(m, D.numa_page_moves, 0);
}

// policies

/** The kernel has room for a node of that number. @source mm/mempolicy.c:get_nodes() - I */
function get_nodes(m: Machine, node: number): errno_t {
	return node >= MAX_NUMNODES ? because(m, D.mpol_node_too_high, -EINVAL) : 0;
}

/**
 * Does the mode take the node, or none?
 *
 * @returns 0; -EINVAL
 * @source mm/mempolicy.c:mpol_new() - I
 */
function mpol_new(m: Machine, mode: number, flags: number, node: number): errno_t {
	if (mode === MPOL_DEFAULT || mode === MPOL_LOCAL) return node === NUMA_NO_NODE ? 0 : because(m, D.mpol_needs_no_node, -EINVAL);
	if (node !== NUMA_NO_NODE || (mode === MPOL_PREFERRED && flags === 0)) return 0;
	return because(m, D.mpol_needs_node, -EINVAL);
}

/**
 * Makes the policy, with a node that has memory.
 *
 * @returns null for MPOL_DEFAULT; -EINVAL
 * @source mm/mempolicy.c:mpol_set_nodemask() - I
 */
function mpol_set_nodemask(m: Machine, mode: number, flags: number, node: number): mempolicy | null | errno_t {
	if (mode === MPOL_DEFAULT) return null;
	if (node === NUMA_NO_NODE) return {mode: MPOL_PREFERRED, flags, node, user_node: NUMA_NO_NODE};
	const allowed = (flags & MPOL_F_RELATIVE_NODES) !== 0 ? node % NR_NODES : node;
	if (allowed >= NR_NODES) return because(m, D.mpol_node_without_memory, -EINVAL);
	return {mode, flags, node: allowed, user_node: flags !== 0 ? node : NUMA_NO_NODE};
}

// the pages of a range

/** Which pages of a range are wanted, and what for. */
interface Query {
	readonly node: number;
	/** MPOL_MF_INVERT: those that are not on the node. */
	readonly invert: boolean;
	/** MPOL_MF_*. */
	readonly flags: number;
	readonly pagelist: PageList;
}

/** Takes a page to move it, if nobody else maps it or it does not matter. @source mm/mempolicy.c:migrate_page_add() - I */
function migrate_page_add(m: Machine, page: pfn_t, {flags, pagelist}: Query): void {
	if ((flags & MPOL_MF_MOVE_ALL) !== 0 || page_mapcount(m, page) === 1) isolate_lru_page(m, page, pagelist);
}

/** @returns false at a page that is in the wrong place and may not be moved @source mm/mempolicy.c:queue_pages_pte_range() - K */
function queue_pages_pte_range(mm: mm_struct, pmd: ptep_t, addr: ulong, end: ulong, query: Query): boolean {
	const m = mm.machine;
	let pte = pte_offset(mm, pmd, addr), right = true;
	const table = table_of(m, pte);
	spin_lock(table);
	for (let at = addr; at < end && right; at += mm.arch.PAGE_SIZE, pte++) {
		const bits = ptep_get(m, pte);
		if (!pte_present(bits)) continue;
		const page = vm_normal_page(m, pte, bits);
		if (page === 0 || (page_to_nid(m, page) === query.node) === query.invert) continue;
		if ((query.flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0) migrate_page_add(m, page, query);
		else right = false;
	}
	spin_unlock(table);
	return right;
}

/** The pages of a part of a vma. Every huge page is split, also one that is in the right place. @returns 0; -EIO @source mm/mempolicy.c:queue_pages_pmd_range() - I */
function queue_pages_pgd_range(vma: vm_area_struct, start: ulong, end: ulong, query: Query): errno_t {
	const mm = vma.vm_mm, m = mm.machine;
	let error = 0;
	walkPmds(mm, start, end, (pmd, addr, next) => {
		if (error !== 0 || pmd_none(m, pmd)) return;
		if (pmd_trans_huge(m, pmd)) split_huge_page_pmd(vma, addr, pmd);
		if (!queue_pages_pte_range(mm, pmd, addr, next, query)) error = -EIO;
	});
	return error === 0 ? 0 : because(m, D.mbind_misplaced, error);
}

/**
 * Takes the pages of a range that are to move.
 *
 * @param discontig_ok - holes do not matter
 * @returns 0; -EFAULT, -EIO
 * @source mm/mempolicy.c:queue_pages_range(), check_range() in Linux 3.10 - K
 * @model A range that runs past the last vma is -EFAULT only if there is none above, and a task has its stack above every mapping of the trace.
 */
function queue_pages_range(mm: mm_struct, start: ulong, end: ulong, query: Query, discontig_ok: boolean): errno_t {
	const {flags} = query;
	let prev: vm_area_struct | null = null;
	for (let vma = find_vma(mm, start); vma !== null && vma.vm_start < end; prev = vma, vma = vma.vm_next) {
		if (!discontig_ok && prev !== null && prev.vm_end < vma.vm_start) return because(mm.machine, D.mbind_hole, -EFAULT);
		const strict = (flags & MPOL_MF_STRICT) !== 0, move = (flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0;
		if (!strict && !(move && vma_migratable(vma))) continue;
		const error = queue_pages_pgd_range(vma, Math.max(start, vma.vm_start), Math.min(end, vma.vm_end), query);
		if (error !== 0) return error;
	}
	return 0;
}

/**
 * Gives the vmas of a range a policy, after merging or splitting.
 *
 * @returns 0; -EFAULT, -ENOMEM
 * @source mm/mempolicy.c:mbind_range() - I
 */
function mbind_range(mm: mm_struct, start: ulong, end: ulong, new_pol: mempolicy | null): errno_t {
	const m = mm.machine, first = find_vma(mm, start);
	if (first === null || first.vm_start > start) return because(m, D.mbind_no_vma, -EFAULT);
	let prev = start > first.vm_start ? first : first.vm_prev, vma: vm_area_struct | null = first;
	for (; vma !== null && vma.vm_start < end; prev = vma, vma = vma.vm_next) {
		const vmstart = Math.max(start, vma.vm_start), vmend = Math.min(end, vma.vm_end);
		if (mpol_equal(vma.vm_policy, new_pol)) continue;
		const pgoff = vma.vm_pgoff + (vmstart - vma.vm_start) / mm.arch.PAGE_SIZE;
		const merged = vma_merge(mm, prev, vmstart, vmend, vma_flags(vma), vma.anon_vma, vma.vm_file, pgoff, new_pol);
		if (merged !== null) {
			vma = merged;
			// it has taken in the next one, and has its old policy still
			if (mm.rev.mbind_forgets_joined || mpol_equal(vma.vm_policy, new_pol)) continue;
		} else {
			let error = vmstart !== vma.vm_start ? split_vma(mm, vma, vmstart, true) : 0;
			if (error === 0 && vmend !== vma.vm_end) error = split_vma(mm, vma, vmend, false);
			if (error !== 0) return error;
		}
		vma.vm_policy = new_pol;
	}
	return 0;
}

/**
 * The page that another one of a range moves to: where the policy of the vma says that the page belongs to. No vma is found for a KSM page.
 *
 * @source mm/mempolicy.c:new_page(), Linux 3.17; new_vma_page(), Linux 3.10 - I
 */
function new_page(mm: mm_struct, page: pfn_t, start: ulong): pfn_t {
	const m = mm.machine;
	let vma = PageKsm(m, page) ? null : find_vma(mm, start);
	while (vma !== null && page_address_in_vma(m, page, vma) < 0) vma = vma.vm_next;
	return alloc_page_vma(m, vma);
}

/** do_mbind() with the mmap_sem held for writing. */
function mbindLocked(mm: mm_struct, start: ulong, end: ulong, mode: number, mode_flags: number, node: number, flags: number): errno_t {
	const m = mm.machine, pol = mpol_set_nodemask(m, mode, mode_flags, node);
	if (typeof pol === 'number') return pol;
	const pagelist: PageList = new Set();
	let err = queue_pages_range(mm, start, end, {node, invert: true, flags, pagelist}, pol === null);
	if (err === 0) err = mbind_range(mm, start, end, pol);
	if (err === 0 && pagelist.size !== 0) {
		const nr_failed = migrate_pages(m, pagelist, page => new_page(mm, page, start));
		if (nr_failed !== 0 && (flags & MPOL_MF_STRICT) !== 0) err = because(m, D.mbind_not_moved, -EIO);
	}
	putback_movable_pages(m, pagelist);
	return err;
}

/**
 * Gives a range a policy, and with MPOL_MF_MOVE moves the pages that are not where it says.
 *
 * @param mode - with the mode's flags; all 64 bits
 * @param node - NUMA_NO_NODE for an empty mask
 * @param flags - MPOL_MF_*, an unsigned int
 * @returns 0; -EINVAL, -EFAULT, -EIO, -ENOMEM, checked in the kernel's order
 * @source mm/mempolicy.c:mbind(), do_mbind() - K; the errors: I
 */
export function sys_mbind(mm: mm_struct, start: ulong, len: ulong, mode: ulong, node: number, flags: number): errno_t {
	const m = mm.machine, mode_flags = mode & MPOL_MODE_FLAGS, plain = mode - mode_flags;
	if (plain >= MPOL_MAX) return because(m, D.mbind_bad_mode, -EINVAL);
	if (mode_flags === (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)) return because(m, D.mbind_both_flags, -EINVAL);
	const bad = get_nodes(m, node);
	if (bad !== 0) return bad;
	if ((flags & ~MPOL_MF_VALID) !== 0) return because(m, D.mbind_bad_flags, -EINVAL);
	if (offset_in_page(mm, start)) return because(m, D.mbind_unaligned, -EINVAL);
	const end = wrap(mm, start + PAGE_ALIGN(mm, len));
	if (end < start) return because(m, D.mbind_wraps, -EINVAL);
	if (end === start) return 0;
	const unfit = mpol_new(m, plain, mode_flags, node);
	if (unfit !== 0) return unfit;
	down_write(mm);
	const err = mbindLocked(mm, start, end, plain, mode_flags, node, plain === MPOL_DEFAULT ? flags & ~MPOL_MF_STRICT : flags);
	up_write(mm);
	return err;
}

// migrate_pages

/**
 * Moves the pages of an address space from one node to another, those that others map too.
 *
 * @returns how many could not be moved; -ENOMEM
 * @source mm/mempolicy.c:migrate_to_node() - I
 */
function migrate_to_node(mm: mm_struct, source: number, dest: number): long {
	const m = mm.machine, pagelist: PageList = new Set();
	queue_pages_range(mm, 0, mm.arch.TASK_SIZE, {node: source, invert: false, flags: MPOL_MF_MOVE_ALL, pagelist}, true);
	const err = migrate_pages(m, pagelist, () => alloc_pages_node(m, dest));
	putback_movable_pages(m, pagelist);
	return err;
}

/**
 * Moves the pages of a task from one node to another.
 *
 * @param pid - 0 for the caller
 * @param old, to - nodes; NUMA_NO_NODE for an empty mask, with which nothing moves
 * @returns how many pages could not be moved; -EINVAL, -ESRCH, -ENOMEM
 * @source mm/mempolicy.c:migrate_pages(), do_migrate_pages() - I
 */
export function sys_migrate_pages(m: Machine, current: task_struct, pid: number, old: number, to: number): long {
	const bad = get_nodes(m, old) || get_nodes(m, to);
	if (bad !== 0) return bad;
	const task = pid === 0 ? current : m.tasks.get(pid);
	if (task === undefined) return because(m, D.migrate_pages_no_task, -ESRCH);
	if (to >= NR_NODES) return because(m, D.migrate_pages_no_memory, -EINVAL);
	if (old === NUMA_NO_NODE || to === NUMA_NO_NODE || old === to) return 0;
	const mm = task.mm!;
	down_read(mm);
	const busy = migrate_to_node(mm, old, to);
	up_read(mm);
	return busy;
}

// NUMA balancing

/** Makes the pages of a part of a vma fault. @source mm/mempolicy.c:change_prot_numa() - K */
function change_prot_numa(vma: vm_area_struct, start: ulong, end: ulong): void {
	change_protection(vma, start, end, vma.vm_page_prot, false, true);
}

/**
 * A `numa_hint` row: the pages of a range get NUMA hints.
 *
 * @source kernel/sched/fair.c:task_numa_work() - K
 * @model Which vmas a scan comes to, and when, is a matter of time and of their size; the row says it. Vmas that cannot migrate are passed over, and those
 * that nobody may access where the kernel does.
 */
export function numa_hint(mm: mm_struct, start: ulong, end: ulong): void {
	down_read(mm);
	for (let vma = find_vma(mm, start); vma !== null && vma.vm_start < end; vma = vma.vm_next) {
		if (!vma_migratable(vma)) continue;
		if (!mm.rev.numa_hints_inaccessible && !vma_test(vma, VM_READ | VM_EXEC | VM_WRITE)) continue;
		change_prot_numa(vma, Math.max(start, vma.vm_start), Math.min(end, vma.vm_end));
	}
	up_read(mm);
}
