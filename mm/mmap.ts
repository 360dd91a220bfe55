import {EBADF, EINVAL, ENOMEM, EOVERFLOW} from '../include/asm-generic/errno.ts';
import {modelBug, notModelled} from '../include/linux/bug.ts';
import {because, D} from '../include/linux/decisions.ts';
import {anon_vma_lock_write, anon_vma_unlock_write, down_write, pmd_lock, pmd_unlock, up_write} from '../include/linux/lockdep.ts';
import {calc_vm_flag_bits, calc_vm_prot_bits, MAP_32BIT, MAP_ANONYMOUS, MAP_FIXED, MAP_HUGETLB, MAP_NONBLOCK, MAP_NORESERVE, MAP_POPULATE,
	MAP_PRIVATE, MAP_SHARED, MAP_TYPE} from '../include/linux/mman.ts';
import {flags_clear, flags_or, flags_test, flags_xor, offset_in_page, PAGE_ALIGN, vm_get_page_prot, vma_flags, vma_pages, vma_set_flags,
	vma_test, VM_ACCOUNT, VM_DATA_DEFAULT_FLAGS, VM_EXEC, VM_GROWSDOWN, VM_LOCKED, VM_MAYEXEC, VM_MAYREAD, VM_MAYSHARE, VM_MAYWRITE, VM_NORESERVE, VM_READ,
	VM_SHARED, VM_SOFTDIRTY, VM_SPECIAL, VM_WRITE, wrap} from '../include/linux/mm.ts';
import {type mempolicy, mpol_equal} from '../include/linux/mempolicy.ts';
import {type mm_struct, type task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import type {file} from '../include/linux/fs.ts';
import type {anon_vma, anon_vma_chain} from '../include/linux/rmap.ts';
import type {errno_t, long, pgoff_t, ulong, vm_flags_t} from '../include/linux/types.ts';
import {fput, get_file} from './filemap.ts';
import {vma_adjust_trans_huge} from './huge_memory.ts';
import {free_pgtables, unmap_vmas} from './memory.ts';
import {__mlock_vma_pages_range, mm_populate, munlock_vma_pages_all} from './mlock.ts';
import {anon_vma_clone, anon_vma_interval_tree_insert, anon_vma_interval_tree_remove, anon_vma_prepare, unlink_anon_vmas} from './rmap.ts';
import {shmem_zero_setup} from './shmem.ts';

// the list and the tree of vmas

/**
 * @returns the first vma that ends above the address; null if there is none
 * @source mm/mmap.c:find_vma() - K
 */
export function find_vma(mm: mm_struct, addr: ulong): vm_area_struct | null {
	const cached = mm.mmap_cache;
	if (cached !== null && cached.vm_end > addr && cached.vm_start <= addr) return cached;
	const second = mm.mmap_cache_second;
	mm.mmap_cache_second = cached;
	if (second !== null && second.vm_end > addr && second.vm_start <= addr) {
		mm.mmap_cache = second;
		return second;
	}
	const below = mm.mm_rb.floor(addr);
	const vma = below === null ? mm.mmap : below.vm_end > addr ? below : below.vm_next;
	if (vma !== null) mm.mmap_cache = vma;
	return vma;
}

/** @returns the last vma that begins below the address, whether or not it reaches it */
function vmaBefore(mm: mm_struct, addr: ulong): vm_area_struct | null {
	const floor = mm.mm_rb.floor(addr);
	return floor !== null && floor.vm_start === addr ? floor.vm_prev : floor;
}

/** @source mm/mmap.c:find_vma_prev() - K */
export function find_vma_prev(mm: mm_struct, addr: ulong): {vma: vm_area_struct | null, prev: vm_area_struct | null} {
	const vma = find_vma(mm, addr);
	return {vma, prev: vma === null ? vmaBefore(mm, mm.arch.TASK_SIZE) : vma.vm_prev};
}

/** @returns the first vma that meets the range; null if there is none */
function find_vma_intersection(mm: mm_struct, start: ulong, end: ulong): vm_area_struct | null {
	const vma = find_vma(mm, start);
	return vma !== null && end > vma.vm_start ? vma : null;
}

/** Puts a vma in behind `prev`. @source mm/mmap.c:vma_link(), __insert_vm_struct() - K */
function vma_link(mm: mm_struct, vma: vm_area_struct, prev: vm_area_struct | null): void {
	const next = prev === null ? mm.mmap : prev.vm_next;
	vma.vm_prev = prev;
	vma.vm_next = next;
	if (prev === null) mm.mmap = vma;
	else prev.vm_next = vma;
	if (next !== null) next.vm_prev = vma;
	mm.mm_rb.insert(vma.vm_start, vma);
	mm.map_count++;
}

/** The list or a range has changed, so what was found before may be wrong. @source mm/vmacache.c:vmacache_invalidate() - I */
function vmacache_invalidate(mm: mm_struct): void {
	mm.mmap_cache = null;
	mm.mmap_cache_second = null;
}

/** Takes a vma out of list and tree. @source mm/mmap.c:__vma_unlink() - K */
function __vma_unlink(mm: mm_struct, vma: vm_area_struct): void {
	const {vm_prev: prev, vm_next: next} = vma;
	if (prev === null) mm.mmap = next;
	else prev.vm_next = next;
	if (next !== null) next.vm_prev = prev;
	mm.mm_rb.remove(vma.vm_start, vma);
	vmacache_invalidate(mm);
}

/** Appends the child's vma at fork. @source mm/mmap.c:__vma_link_rb() - K */
export function appendVma(mm: mm_struct, vma: vm_area_struct, prev: vm_area_struct | null): void {
	vma_link(mm, vma, prev);
}

/** Moves the start of a vma in the tree. */
function setStart(mm: mm_struct, vma: vm_area_struct, start: ulong): void {
	if (start === vma.vm_start) return;
	mm.mm_rb.remove(vma.vm_start, vma);
	vma.vm_start = start;
	mm.mm_rb.insert(start, vma);
	vmacache_invalidate(mm);
}

function pre_update(vma: vm_area_struct): void {
	for (const avc of vma.anon_vma_chain) anon_vma_interval_tree_remove(avc);
}

function post_update(vma: vm_area_struct): void {
	for (let i = vma.anon_vma_chain.length - 1; i >= 0; i--) anon_vma_interval_tree_insert(vma.anon_vma_chain[i] as anon_vma_chain);
}

/**
 * Gives a vma another range: it grows over the next one or over a part of it, shrinks in favour of the next one, or leaves a part to `insert`.
 * Where entries come to a vma without an anon_vma from one that has one, it gets the same.
 *
 * @param insert - the new vma of a split, whose range is set already; null otherwise
 * @source mm/mmap.c:vma_adjust() - K
 * @model The tree of the mappings of a file is not kept. Chain links never fail, so neither does this.
 */
function vma_adjust(vma: vm_area_struct, start: ulong, end: ulong, pgoff: pgoff_t, insert: vm_area_struct | null): void {
	const mm = vma.vm_mm, {PAGE_SIZE} = mm.arch;
	for (let until = end; ;) {
		const next = vma.vm_next;
		let importer: vm_area_struct | null = null, exporter: vm_area_struct | null = null;
		let adjust_next = 0, remove_next = 0, to = until;
		if (next !== null && insert === null) {
			if (to >= next.vm_end) {
				// all of the next one, and perhaps the one after it too
				remove_next = to > next.vm_end ? 2 : 1;
				to = next.vm_end;
				exporter = next;
				importer = vma;
			} else if (to > next.vm_start) {
				adjust_next = (to - next.vm_start) / PAGE_SIZE;
				exporter = next;
				importer = vma;
			} else if (to < vma.vm_end) {
				adjust_next = -(vma.vm_end - to) / PAGE_SIZE;
				exporter = vma;
				importer = next;
			}
			if (exporter?.anon_vma != null && importer!.anon_vma === null) {
				anon_vma_clone(importer!, exporter);
				importer!.anon_vma = exporter.anon_vma;
			}
		}
		vma_adjust_trans_huge(vma, start, to, adjust_next);
		const av: anon_vma | null = vma.anon_vma ?? (adjust_next !== 0 ? next!.anon_vma : null);
		if (av !== null) {
			anon_vma_lock_write(av);
			pre_update(vma);
			if (adjust_next !== 0) pre_update(next!);
		}
		if (remove_next !== 0) __vma_unlink(mm, next!);
		setStart(mm, vma, start);
		vma.vm_end = to;
		vma.vm_pgoff = pgoff;
		if (adjust_next !== 0) {
			setStart(mm, next!, next!.vm_start + adjust_next * PAGE_SIZE);
			next!.vm_pgoff += adjust_next;
		}
		if (insert !== null) vma_link(mm, insert, vmaBefore(mm, insert.vm_start));
		if (av !== null) {
			post_update(vma);
			if (adjust_next !== 0) post_update(next!);
			anon_vma_unlock_write(av);
		}
		if (remove_next === 0) return;
		if (next!.vm_file !== null) fput(mm.machine, next!.vm_file);
		if (next!.anon_vma !== null) unlink_anon_vmas(next!);
		mm.map_count--;
		if (remove_next === 1) return;
		until = end;
	}
}

// merging

/** Flags other than soft-dirty must be the same, and the file. @source mm/mmap.c:is_mergeable_vma() - K */
function is_mergeable_vma(vma: vm_area_struct, of: file | null, vm_flags: vm_flags_t): boolean {
	return vma.vm_file === of && flags_clear(flags_xor(vma_flags(vma), vm_flags), VM_SOFTDIRTY) === 0;
}

/**
 * The same anon_vma; or one side has none, and the vma at hand has not got its own from a parent, nor none at all.
 *
 * @source mm/mmap.c:is_mergeable_anon_vma() - K
 */
function is_mergeable_anon_vma(anon_vma1: anon_vma | null, anon_vma2: anon_vma | null, vma: vm_area_struct | null): boolean {
	if ((anon_vma1 === null || anon_vma2 === null) && (vma === null || vma.anon_vma_chain.length === 1)) return true;
	return anon_vma1 === anon_vma2;
}

/** @source mm/mmap.c:can_vma_merge_before() - K */
function can_vma_merge_before(vma: vm_area_struct, vm_flags: vm_flags_t, av: anon_vma | null, of: file | null, pgoff: pgoff_t): boolean {
	return is_mergeable_vma(vma, of, vm_flags) && is_mergeable_anon_vma(av, vma.anon_vma, vma) && vma.vm_pgoff === pgoff;
}

/** @source mm/mmap.c:can_vma_merge_after() - K */
function can_vma_merge_after(vma: vm_area_struct, vm_flags: vm_flags_t, av: anon_vma | null, of: file | null, pgoff: pgoff_t): boolean {
	return is_mergeable_vma(vma, of, vm_flags) && is_mergeable_anon_vma(av, vma.anon_vma, vma) && vma.vm_pgoff + vma_pages(vma) === pgoff;
}

/**
 * Can a range, with these flags, be a part of the vma before or behind it, or of both?
 *
 * @param prev - the vma before the range, or the one that the range begins inside of
 * @returns the vma that holds the range now; null if none could
 * @source mm/mmap.c:vma_merge() - K
 */
export function vma_merge(mm: mm_struct, prev: vm_area_struct | null, addr: ulong, end: ulong, vm_flags: vm_flags_t, av: anon_vma | null,
	of: file | null, pgoff: pgoff_t, policy: mempolicy | null): vm_area_struct | null {
	if (flags_test(vm_flags, VM_SPECIAL)) return null;
	const pglen = (end - addr) / mm.arch.PAGE_SIZE, area = prev === null ? mm.mmap : prev.vm_next;
	const next = area !== null && area.vm_end === end ? area.vm_next : area;
	const withNext = next !== null && end === next.vm_start && mpol_equal(policy, next.vm_policy) && can_vma_merge_before(next, vm_flags, av, of, pgoff + pglen);
	if (prev !== null && prev.vm_end === addr && mpol_equal(prev.vm_policy, policy) && can_vma_merge_after(prev, vm_flags, av, of, pgoff)) {
		const both = withNext && is_mergeable_anon_vma(prev.anon_vma, next.anon_vma, null);
		vma_adjust(prev, prev.vm_start, both ? next.vm_end : end, prev.vm_pgoff, null);
		return prev;
	}
	if (!withNext) return null;
	if (prev !== null && addr < prev.vm_end) vma_adjust(prev, prev.vm_start, addr, prev.vm_pgoff, null);
	else vma_adjust(area!, addr, next.vm_end, next.vm_pgoff - pglen, null);
	return area;
}

/** They touch, and differ in nothing but what mprotect changes. @source mm/mmap.c:anon_vma_compatible() - K */
function anon_vma_compatible(a: vm_area_struct, b: vm_area_struct): boolean {
	return a.vm_end === b.vm_start && a.vm_file === b.vm_file && mpol_equal(a.vm_policy, b.vm_policy)
		&& flags_clear(flags_xor(vma_flags(a), vma_flags(b)), VM_READ | VM_WRITE | VM_EXEC | VM_SOFTDIRTY) === 0
		&& b.vm_pgoff === a.vm_pgoff + vma_pages(a);
}

/** @source mm/mmap.c:reusable_anon_vma() - K */
function reusable_anon_vma(old: vm_area_struct, a: vm_area_struct, b: vm_area_struct): anon_vma | null {
	return anon_vma_compatible(a, b) && old.anon_vma !== null && old.anon_vma_chain.length === 1 ? old.anon_vma : null;
}

/**
 * A neighbour's anon_vma that a vma can share: the next one's first.
 *
 * @source mm/mmap.c:find_mergeable_anon_vma() - K
 */
export function find_mergeable_anon_vma(vma: vm_area_struct): anon_vma | null {
	const {vm_next: next, vm_prev: prev} = vma;
	return (next === null ? null : reusable_anon_vma(next, vma, next)) ?? (prev === null ? null : reusable_anon_vma(prev, prev, vma));
}

// mmap

/** Where a mapping goes. @returns an address; -ENOMEM, -EINVAL @source mm/mmap.c:get_unmapped_area() - I */
export function get_unmapped_area(mm: mm_struct, addr: ulong, len: ulong, flags: number): long {
	const m = mm.machine, {TASK_SIZE} = mm.arch;
	if (len > TASK_SIZE) return because(m, D.mmap_past_task_size, -ENOMEM);
	const at = arch_get_unmapped_area_topdown(mm, addr, len, flags);
	if (at < 0) return because(m, D.mmap_no_room, at);
	if (at > TASK_SIZE - len) return because(m, D.mmap_past_task_size, -ENOMEM);
	return offset_in_page(mm, at) ? because(m, D.mmap_addr_unaligned, -EINVAL) : at;
}

/**
 * @source arch/x86/kernel/sys_x86_64.c:arch_get_unmapped_area_topdown() - I
 * @model Where a recording says where the mapping went, and there is room, it goes there.
 */
function arch_get_unmapped_area_topdown(mm: mm_struct, addr: ulong, len: ulong, flags: number): long {
	const {TASK_SIZE, PAGE_SIZE, TASK_UNMAPPED_BASE, mmap_base} = mm.arch, {recorded_address: recorded} = mm.machine;
	if ((flags & MAP_FIXED) !== 0) return addr;
	if (recorded >= 0 && !offset_in_page(mm, recorded) && recorded <= TASK_SIZE - len
		&& find_vma_intersection(mm, recorded, recorded + len) === null) return recorded;
	if ((flags & MAP_32BIT) === 0) {
		if (addr !== 0) {
			const aligned = PAGE_ALIGN(mm, addr);
			if (TASK_SIZE - len >= aligned && find_vma_intersection(mm, aligned, aligned + len) === null) return aligned;
		}
		const top = unmapped_area_topdown(mm, len, PAGE_SIZE, mmap_base);
		if (top >= 0) return top;
	}
	return arch_get_unmapped_area(mm, addr, len, flags, TASK_UNMAPPED_BASE);
}

/** Bottom-up: the way back when there is no room below mmap_base, and for MAP_32BIT. @source arch/x86/kernel/sys_x86_64.c:arch_get_unmapped_area() - I */
function arch_get_unmapped_area(mm: mm_struct, addr: ulong, len: ulong, flags: number, base: ulong): long {
	const low = (flags & MAP_32BIT) !== 0, begin = low ? 0x4000_0000 : base, end = low ? 0x8000_0000 : mm.arch.TASK_SIZE;
	if (len > end) return -ENOMEM;
	if (addr !== 0) {
		const aligned = PAGE_ALIGN(mm, addr);
		if (end - len >= aligned && find_vma_intersection(mm, aligned, aligned + len) === null) return aligned;
	}
	return unmapped_area(mm, len, begin, end);
}

/** The lowest gap. @source mm/mmap.c:unmapped_area() - I */
function unmapped_area(mm: mm_struct, len: ulong, low_limit: ulong, high_limit: ulong): long {
	let at = low_limit;
	for (let vma = find_vma(mm, low_limit); vma !== null && vma.vm_start < at + len; vma = vma.vm_next) at = Math.max(at, vma.vm_end);
	return at + len <= high_limit ? at : -ENOMEM;
}

/** The highest gap. @source mm/mmap.c:unmapped_area_topdown() - I */
function unmapped_area_topdown(mm: mm_struct, len: ulong, low_limit: ulong, high_limit: ulong): long {
	let top = high_limit;
	for (let vma = vmaBefore(mm, high_limit); vma !== null && vma.vm_end > top - len; vma = vma.vm_prev) top = Math.min(top, vma.vm_start);
	return top - len >= low_limit ? top - len : -ENOMEM;
}

/** Memory is accounted for private writable mappings, unless they do without. @source mm/mmap.c:accountable_mapping() - K */
function accountable_mapping(vm_flags: vm_flags_t): boolean {
	return (vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) === VM_WRITE;
}

/** Unmaps what is in the way. @returns 0; -ENOMEM */
function clearOldMaps(mm: mm_struct, addr: ulong, len: ulong): errno_t {
	if (find_vma_intersection(mm, addr, addr + len) === null) return 0;
	return do_munmap(mm, addr, len) === 0 ? 0 : because(mm.machine, D.mmap_unmap_failed, -ENOMEM);
}

/**
 * Makes a mapping, or lets a neighbour grow.
 *
 * @param of - the file; null for anonymous memory, which gets one of its own if it is shared
 * @returns the address; -ENOMEM; -EINVAL
 * @source mm/mmap.c:mmap_region() - K
 */
function mmap_region(mm: mm_struct, addr: ulong, len: ulong, flags: vm_flags_t, pgoff: pgoff_t, of: file | null): long {
	const error = clearOldMaps(mm, addr, len);
	if (error !== 0) return error;
	const vm_flags = accountable_mapping(flags) ? flags_or(flags, VM_ACCOUNT) : flags;
	const vma = mapOrMerge(mm, addr, len, vm_flags, pgoff, of);
	if (typeof vma === 'number') return vma;
	mm.total_vm += len / mm.arch.PAGE_SIZE;
	if (flags_test(vm_flags, VM_LOCKED)) {
		if (vma_test(vma, VM_SPECIAL)) vma_set_flags(vma, flags_clear(vma_flags(vma), VM_LOCKED));
		else mm.locked_vm += len / mm.arch.PAGE_SIZE;
	}
	return addr;
}

/** The end of mmap_region() and do_brk(): a neighbour grows, or a new vma is linked; either is soft-dirty then. */
function mapOrMerge(mm: mm_struct, addr: ulong, len: ulong, vm_flags: vm_flags_t, pgoff: pgoff_t, of: file | null): vm_area_struct | errno_t {
	const prev = vmaBefore(mm, addr);
	let vma = vma_merge(mm, prev, addr, addr + len, vm_flags, null, of, pgoff, null);
	if (vma === null) {
		vma = new vm_area_struct(mm, addr, addr + len, 0, 0, vm_get_page_prot(mm, vm_flags), pgoff);
		vma_set_flags(vma, vm_flags);
		const error = mapFile(vma, of, prev);
		if (error !== 0) return error;
		vma_link(mm, vma, prev);
	}
	if (mm.rev.soft_dirty) vma_set_flags(vma, flags_or(vma_flags(vma), VM_SOFTDIRTY));
	return vma;
}

/** Asks the file to set up its mapping; shared anonymous memory gets a file of its own. */
function mapFile(vma: vm_area_struct, of: file | null, prev: vm_area_struct | null): errno_t {
	const mm = vma.vm_mm, m = mm.machine, shared = vma_test(vma, VM_SHARED), grows = vma_test(vma, VM_GROWSDOWN);
	if (of === null && !shared) return 0;
	// before Linux 3.17 only here, and the old mapping is gone by now
	if (grows) return because(m, D.mmap_shared_growsdown, -EINVAL);
	if (of === null) {
		shmem_zero_setup(vma);
	} else {
		vma.vm_file = get_file(of);
		const error = of.f_op.mmap(of, vma);
		if (error !== 0) {
			// what the driver has mapped already goes again
			const next = prev === null ? mm.mmap : prev.vm_next;
			unmap_vmas(vma, vma.vm_start, vma.vm_end);
			free_pgtables(vma, prev === null ? 0 : prev.vm_end, next === null ? 0 : next.vm_start);
			fput(m, of);
			return error;
		}
	}
	if (vma_wants_writenotify(vma)) vma.vm_page_prot = vm_get_page_prot(mm, flags_clear(vma_flags(vma), VM_SHARED));
	return 0;
}

/**
 * Are entries of a shared writable mapping read-only until they are written to, so that its file gets to know?
 *
 * @source mm/mmap.c:vma_wants_writenotify() - K
 * @model No file here accounts dirty pages.
 */
export function vma_wants_writenotify(vma: vm_area_struct): boolean {
	return (vma.vm_flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED) && vma.vm_ops !== null && vma.vm_ops.page_mkwrite;
}

/** What mmap_region() made must be faulted in. */
interface Populate {
	len: ulong;
}

/**
 * @param len - bytes, more than 0
 * @returns the address; -EINVAL, -ENOMEM, -EOVERFLOW
 * @source mm/mmap.c:do_mmap_pgoff() - K
 * @model Every file may be read, written and executed.
 */
function do_mmap_pgoff(of: file | null, mm: mm_struct, addr_: ulong, len_: ulong, prot: number, flags: number, pgoff_: pgoff_t, populate: Populate): long {
	const m = mm.machine, {PAGE_SIZE, ULONG_RANGE} = mm.arch;
	if (len_ === 0) return because(m, D.mmap_len_zero, -EINVAL);
	const len = PAGE_ALIGN(mm, len_);
	if (len === 0) return because(m, D.mmap_len_overflows, -ENOMEM);
	if (pgoff_ + len / PAGE_SIZE >= ULONG_RANGE) return because(m, D.mmap_pgoff_overflows, -EOVERFLOW);
	if (mm.map_count > m.config.max_map_count) return because(m, D.mmap_too_many_vmas, -ENOMEM);
	const hint = (flags & MAP_FIXED) !== 0 ? addr_ : round_hint_to_min(mm, addr_);
	const addr = get_unmapped_area(mm, hint, len, flags);
	if (addr < 0) return addr;
	let vm_flags: vm_flags_t = calc_vm_prot_bits(prot) | calc_vm_flag_bits(flags) | mm.def_flags | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	switch (flags & MAP_TYPE) {
		case MAP_SHARED:
			vm_flags |= VM_SHARED | VM_MAYSHARE;
			break;
		case MAP_PRIVATE:
			break;
		default:
			return because(m, D.mmap_bad_type, -EINVAL);
	}
	const shared = (vm_flags & VM_SHARED) !== 0, growsdown = (vm_flags & VM_GROWSDOWN) !== 0;
	if (growsdown && (of !== null || shared) && !m.rev.growsdown_shared_refused_late) return because(m, D.mmap_shared_growsdown, -EINVAL);
	// MAP_NORESERVE is honoured, since overcommit never refuses
	if ((flags & MAP_NORESERVE) !== 0) vm_flags |= VM_NORESERVE;
	// anonymous memory has the offset that its address stands for, or, shared, none
	const pgoff = of !== null ? pgoff_ : shared ? 0 : addr / PAGE_SIZE;
	const at = mmap_region(mm, addr, len, vm_flags, pgoff, of);
	if (at >= 0 && (flags_test(vm_flags, VM_LOCKED) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE)) populate.len = len;
	return at;
}

/** mmap_min_addr, which a task that may do everything can map below with MAP_FIXED only. */
const MMAP_MIN_ADDR = 65536;

/** @source mm/mmap.c:round_hint_to_min() - I */
function round_hint_to_min(mm: mm_struct, hint: ulong): ulong {
	const page = hint - (hint & (mm.arch.PAGE_SIZE - 1));
	return page !== 0 && page < MMAP_MIN_ADDR ? MMAP_MIN_ADDR : page;
}

/**
 * @param prot, flags - the low 32 bits, which are all that is looked at
 * @param fd - that a trace has declared; any other is a bad one
 * @param off - bytes
 * @source mm/mmap.c:mmap_pgoff(), mm/util.c:vm_mmap_pgoff() - K
 */
export function sys_mmap(task: task_struct, mm: mm_struct, addr: ulong, len: ulong, prot: number, flags: number, fd: number, off: ulong): long {
	const m = mm.machine;
	if (offset_in_page(mm, off)) return because(m, D.mmap_offset_unaligned, -EINVAL);
	const of = (flags & MAP_ANONYMOUS) === 0 ? m.fds.get(fd) : null, hugetlb = (flags & MAP_HUGETLB) !== 0;
	if (hugetlb && of !== null && m.rev.hugetlb_refused_before_fd) return because(m, D.mmap_file_not_huge, -EINVAL);
	if (of === undefined) return because(m, D.mmap_bad_fd, -EBADF);
	if (hugetlb) return of === null ? notModelled('MAP_HUGETLB') : because(m, D.mmap_file_not_huge, -EINVAL);
	const populate: Populate = {len: 0};
	down_write(mm);
	const at = do_mmap_pgoff(of, mm, addr, len, prot, flags, off / mm.arch.PAGE_SIZE, populate);
	up_write(mm);
	if (populate.len !== 0) mm_populate(task, mm, at, populate.len);
	return at;
}

// brk

/** @returns the address; -ENOMEM, -EINVAL @source mm/mmap.c:do_brk() - I */
function do_brk(mm: mm_struct, addr: ulong, len: ulong): long {
	if (len === 0) return addr;
	const vm_flags = flags_or(VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT, mm.def_flags);
	const at = get_unmapped_area(mm, addr, len, MAP_FIXED);
	if (at < 0) return at;
	const error = clearOldMaps(mm, addr, len);
	if (error !== 0) return error;
	if (mm.map_count > mm.machine.config.max_map_count) return because(mm.machine, D.mmap_too_many_vmas, -ENOMEM);
	mapOrMerge(mm, addr, len, vm_flags, addr / mm.arch.PAGE_SIZE, null);
	mm.total_vm += len / mm.arch.PAGE_SIZE;
	if (flags_test(vm_flags, VM_LOCKED)) mm.locked_vm += len / mm.arch.PAGE_SIZE;
	return addr;
}

/** Where a heap begins that no recording places: the model has no program before it. */
const DEFAULT_HEAP = 0x0100_0000;

/**
 * @returns the break afterwards, which is the old one where it could not be set
 * @source mm/mmap.c:brk() - I
 * @model The heap begins where the first recorded `brk,,0` says.
 */
export function sys_brk(task: task_struct, mm: mm_struct, brk: ulong): long {
	if (mm.start_brk < 0) {
		mm.start_brk = mm.machine.recorded_address >= 0 && brk === 0 ? mm.machine.recorded_address : DEFAULT_HEAP;
		mm.brk = mm.start_brk;
	}
	down_write(mm);
	const oldbrk = PAGE_ALIGN(mm, mm.brk), newbrk = PAGE_ALIGN(mm, brk), done = set_brk(mm, brk, oldbrk, newbrk);
	if (done) mm.brk = brk;
	up_write(mm);
	if (!done) return because(mm.machine, D.brk_refused, mm.brk);
	if (newbrk > oldbrk && mm.def_flags !== 0) mm_populate(task, mm, oldbrk, newbrk - oldbrk);
	return brk;
}

function set_brk(mm: mm_struct, brk: ulong, oldbrk: ulong, newbrk: ulong): boolean {
	if (brk < mm.start_brk) return false;
	if (oldbrk === newbrk) return true;
	if (brk <= mm.brk) return do_munmap(mm, newbrk, oldbrk - newbrk) === 0;
	if (find_vma_intersection(mm, oldbrk, newbrk + mm.arch.PAGE_SIZE) !== null) return false;
	// past the top of memory the length wraps, and no range is as long
	return do_brk(mm, oldbrk, newbrk < oldbrk ? newbrk + mm.arch.ULONG_RANGE - oldbrk : newbrk - oldbrk) === oldbrk;
}

// stacks

/** @source mm/mmap.c:acct_stack_growth() - I @model There are no resource limits. */
function acct_stack_growth(vma: vm_area_struct, grow: number): void {
	if (vma_test(vma, VM_LOCKED)) vma.vm_mm.locked_vm += grow;
	vma.vm_mm.total_vm += grow;
}

/**
 * Lets a stack vma grow down to the page of an address.
 *
 * @returns 0; -ENOMEM
 * @source mm/mmap.c:expand_downwards() - I
 */
export function expand_downwards(vma: vm_area_struct, address: ulong): errno_t {
	const mm = vma.vm_mm, {PAGE_SIZE} = mm.arch;
	if (anon_vma_prepare(vma) !== 0) return because(mm.machine, D.stack_no_anon_vma, -ENOMEM);
	const start = address - (address & (PAGE_SIZE - 1));
	if (start < 0) return 0; // below address 0 the kernel's unsigned address is above every vma
	const av = vma.anon_vma!;
	anon_vma_lock_write(av);
	let error = 0;
	if (start < vma.vm_start) {
		const grow = (vma.vm_start - start) / PAGE_SIZE;
		if (grow <= vma.vm_pgoff) {
			acct_stack_growth(vma, grow);
			pmd_lock(mm);
			pre_update(vma);
			setStart(mm, vma, start);
			vma.vm_pgoff -= grow;
			post_update(vma);
			pmd_unlock(mm);
		} else {
			error = -ENOMEM;
		}
	}
	anon_vma_unlock_write(av);
	return error;
}

/**
 * Lets a stack vma grow, but not until it touches what is mapped below, unless that is a stack as well.
 *
 * @returns 0; -ENOMEM
 * @source mm/mmap.c:expand_stack() - I
 */
export function expand_stack(vma: vm_area_struct, address: ulong): errno_t {
	const page = address - (address & (vma.vm_mm.arch.PAGE_SIZE - 1)), prev = vma.vm_prev;
	if (prev !== null && prev.vm_end === page && !vma_test(prev, VM_GROWSDOWN)) return -ENOMEM;
	return expand_downwards(vma, page);
}

/** The vma of an address, which a stack vma may grow to. @source mm/mmap.c:find_extend_vma() - I */
export function find_extend_vma(task: task_struct, mm: mm_struct, addr: ulong): vm_area_struct | null {
	const vma = find_vma(mm, addr);
	if (vma === null || vma.vm_start <= addr) return vma;
	if (!vma_test(vma, VM_GROWSDOWN)) return null;
	const start = vma.vm_start;
	if (expand_stack(vma, addr) !== 0) return null;
	if (vma_test(vma, VM_LOCKED)) __mlock_vma_pages_range(task, vma, addr, start);
	return vma;
}

// munmap

/** A new part or copy of a vma has the same policy, file and anon_vmas. */
function shareWith(made: vm_area_struct, vma: vm_area_struct): void {
	made.vm_policy = vma.vm_policy;
	made.anon_vma = vma.anon_vma;
	made.vm_ops = vma.vm_ops;
	made.vm_file = vma.vm_file === null ? null : get_file(vma.vm_file);
	anon_vma_clone(made, vma);
}

/**
 * Splits a vma at an address.
 *
 * @param new_below - the new vma is the part below; otherwise the part above
 * @source mm/mmap.c:__split_vma() - K
 */
function __split_vma(mm: mm_struct, vma: vm_area_struct, addr: ulong, new_below: boolean): void {
	const pages = (addr - vma.vm_start) / mm.arch.PAGE_SIZE;
	const made = new vm_area_struct(mm, new_below ? vma.vm_start : addr, new_below ? addr : vma.vm_end, vma.vm_flags, vma.vm_flags_high,
		vma.vm_page_prot, vma.vm_pgoff + (new_below ? 0 : pages));
	shareWith(made, vma);
	if (new_below) vma_adjust(vma, addr, vma.vm_end, vma.vm_pgoff + pages, made);
	else vma_adjust(vma, vma.vm_start, addr, vma.vm_pgoff, made);
}

/** @returns 0; -ENOMEM at max_map_count @source mm/mmap.c:split_vma() - K */
export function split_vma(mm: mm_struct, vma: vm_area_struct, addr: ulong, new_below: boolean): errno_t {
	if (mm.map_count >= mm.machine.config.max_map_count) return because(mm.machine, D.split_too_many_vmas, -ENOMEM);
	__split_vma(mm, vma, addr, new_below);
	return 0;
}

/**
 * Unmaps a range, and splits the vmas at its ends.
 *
 * @returns 0, also where nothing is mapped; -EINVAL, -ENOMEM
 * @source mm/mmap.c:do_munmap() - K
 */
export function do_munmap(mm: mm_struct, start: ulong, len_: ulong): errno_t {
	const m = mm.machine, {TASK_SIZE} = mm.arch;
	if (offset_in_page(mm, start) || start > TASK_SIZE || len_ > TASK_SIZE - start) return because(m, D.munmap_bad_range, -EINVAL);
	const len = PAGE_ALIGN(mm, len_);
	if (len === 0) return because(m, D.munmap_len_zero, -EINVAL);
	const first = find_vma(mm, start), end = start + len;
	if (first === null || first.vm_start >= end) return 0;
	let prev = first.vm_prev;
	if (start > first.vm_start) {
		if (end < first.vm_end && mm.map_count >= m.config.max_map_count) return because(m, D.munmap_too_many_vmas, -ENOMEM);
		__split_vma(mm, first, start, false);
		prev = first;
	}
	const last = find_vma(mm, end);
	if (last !== null && end > last.vm_start) __split_vma(mm, last, end, true);
	const vma = prev === null ? mm.mmap! : prev.vm_next!;
	if (mm.locked_vm !== 0) munlockVmas(mm, vma, end);
	const next = detach_vmas_to_be_unmapped(mm, vma, prev, end);
	unmap_vmas(vma, start, end);
	free_pgtables(vma, prev === null ? 0 : prev.vm_end, next === null ? 0 : next.vm_start);
	for (let gone: vm_area_struct | null = vma; gone !== null; gone = gone.vm_next) {
		mm.total_vm -= vma_pages(gone);
		if (gone.vm_file !== null) fput(m, gone.vm_file);
	}
	return 0;
}

function munlockVmas(mm: mm_struct, first: vm_area_struct, end: ulong): void {
	for (let vma: vm_area_struct | null = first; vma !== null && vma.vm_start < end; vma = vma.vm_next) {
		if (!vma_test(vma, VM_LOCKED)) continue;
		mm.locked_vm -= vma_pages(vma);
		munlock_vma_pages_all(vma);
	}
}

/**
 * Takes the vmas of a range out of the address space; they stay a list.
 *
 * @returns the vma behind them
 * @source mm/mmap.c:detach_vmas_to_be_unmapped() - K
 */
function detach_vmas_to_be_unmapped(mm: mm_struct, first: vm_area_struct, prev: vm_area_struct | null, end: ulong): vm_area_struct | null {
	let vma: vm_area_struct | null = first, tail = first;
	for (; vma !== null && vma.vm_start < end; vma = vma.vm_next) {
		mm.mm_rb.remove(vma.vm_start, vma);
		mm.map_count--;
		tail = vma;
	}
	if (prev === null) mm.mmap = vma;
	else prev.vm_next = vma;
	if (vma !== null) vma.vm_prev = prev;
	first.vm_prev = null;
	tail.vm_next = null;
	vmacache_invalidate(mm);
	return vma;
}

/** @source mm/mmap.c:munmap() - K */
export function sys_munmap(mm: mm_struct, start: ulong, len: ulong): errno_t {
	down_write(mm);
	const error = do_munmap(mm, start, len);
	up_write(mm);
	return error;
}

/**
 * The last task of an address space is gone: everything is unmapped and freed.
 *
 * @source mm/mmap.c:exit_mmap() - K
 */
export function exit_mmap(mm: mm_struct): void {
	if (mm.locked_vm !== 0) munlockVmas(mm, mm.mmap!, mm.arch.TASK_SIZE);
	const first = mm.mmap;
	if (first !== null) {
		unmap_vmas(first, 0, mm.arch.TASK_SIZE);
		free_pgtables(first, 0, 0);
		for (let vma: vm_area_struct | null = first; vma !== null; vma = vma.vm_next) if (vma.vm_file !== null) fput(mm.machine, vma.vm_file);
	}
	if (mm.nr_ptes !== 0) modelBug(`${mm.nr_ptes} page tables are left of an address space that is gone`);
	mm.mmap = null;
	vmacache_invalidate(mm);
}

/**
 * Makes the vma at the new place of mremap: a neighbour grows, or a new one is linked to the anon_vmas of the old.
 *
 * @param vma - the old vma
 * @returns the new vma, and the old one, which may have become a part of it
 * @source mm/mmap.c:copy_vma() - K
 */
export function copy_vma(vma: vm_area_struct, addr: ulong, len: ulong, old_pgoff: pgoff_t): {new_vma: vm_area_struct, vma: vm_area_struct, need_rmap_locks: boolean} {
	const mm = vma.vm_mm, vma_start = vma.vm_start;
	// an anonymous vma that was never written can be given the offset of its new place
	const pgoff = vma.anon_vma === null && vma.vm_file === null ? addr / mm.arch.PAGE_SIZE : old_pgoff, prev = vmaBefore(mm, addr);
	const merged = vma_merge(mm, prev, addr, addr + len, vma_flags(vma), vma.anon_vma, vma.vm_file, pgoff, vma.vm_policy);
	if (merged !== null) {
		const source = vma_start >= merged.vm_start && vma_start < merged.vm_end ? merged : vma;
		return {new_vma: merged, vma: source, need_rmap_locks: merged.vm_pgoff <= source.vm_pgoff};
	}
	const made = new vm_area_struct(mm, addr, addr + len, vma.vm_flags, vma.vm_flags_high, vma.vm_page_prot, pgoff);
	shareWith(made, vma);
	vma_link(mm, made, prev);
	return {new_vma: made, vma, need_rmap_locks: false};
}

/** mremap grows a vma in place. @source mm/mremap.c:mremap(), which calls vma_adjust() - K */
export function growVma(vma: vm_area_struct, end: ulong): void {
	vma_adjust(vma, vma.vm_start, end, vma.vm_pgoff, null);
}

/** Is the end of a range below its start, after wrapping? */
export function wraps(mm: mm_struct, start: ulong, len: ulong): boolean {
	return wrap(mm, start + len) < start;
}
