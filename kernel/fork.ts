import {ENOMEM} from '../include/asm-generic/errno.ts';
import {because, D} from '../include/linux/decisions.ts';
import {down_write, down_write_nested, up_write} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {flags_clear, vma_flags, vma_pages, vma_set_flags, vma_test, VM_DONTCOPY, VM_LOCKED} from '../include/linux/mm.ts';
import {mm_struct, task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import type {errno_t} from '../include/linux/types.ts';
import {get_file} from '../mm/filemap.ts';
import {ksm_exit, ksm_fork} from '../mm/ksm.ts';
import {copy_page_range} from '../mm/memory.ts';
import {appendVma, exit_mmap} from '../mm/mmap.ts';
import {anon_vma_fork} from '../mm/rmap.ts';

// kernel/fork.c and the part of kernel/exit.c that mm sees

/** @returns an empty address space @source kernel/fork.c:mm_init() - I */
export function mm_alloc(m: Machine): mm_struct {
	const mm = new mm_struct(m, m.tables.alloc());
	m.mms.add(mm);
	return mm;
}

/** One user less; the last one takes everything with it. @source kernel/fork.c:mmput() - K */
function mmput(mm: mm_struct): void {
	if (--mm.mm_users !== 0) return;
	const m = mm.machine;
	ksm_exit(mm);
	exit_mmap(mm);
	m.tables.free(mm.pgd);
	m.mms.delete(mm);
}

/** Copies one vma to the child. @returns the copy; -ENOMEM */
function copyVma(mm: mm_struct, mpnt: vm_area_struct): vm_area_struct | errno_t {
	const tmp = new vm_area_struct(mm, mpnt.vm_start, mpnt.vm_end, mpnt.vm_flags, mpnt.vm_flags_high, mpnt.vm_page_prot, mpnt.vm_pgoff);
	tmp.vm_policy = mpnt.vm_policy;
	tmp.anon_vma = mpnt.anon_vma;
	if (anon_vma_fork(tmp, mpnt) !== 0) return -ENOMEM;
	tmp.vm_ops = mpnt.vm_ops;
	tmp.vm_file = mpnt.vm_file === null ? null : get_file(mpnt.vm_file);
	vma_set_flags(tmp, flags_clear(vma_flags(tmp), VM_LOCKED));
	return tmp;
}

/**
 * Copies the vmas of an address space, but those of MADV_DONTFORK, and their entries.
 *
 * @returns 0; -ENOMEM, with what was copied until then
 * @source kernel/fork.c:dup_mmap() - K
 */
function dup_mmap(mm: mm_struct, oldmm: mm_struct): errno_t {
	down_write(oldmm);
	down_write_nested(mm);
	mm.total_vm = oldmm.total_vm;
	ksm_fork(mm, oldmm);
	let prev: vm_area_struct | null = null, error = 0;
	for (let mpnt = oldmm.mmap; mpnt !== null && error === 0; mpnt = mpnt.vm_next) {
		if (vma_test(mpnt, VM_DONTCOPY)) {
			mm.total_vm -= vma_pages(mpnt);
			continue;
		}
		const tmp = copyVma(mm, mpnt);
		if (typeof tmp === 'number') {
			error = tmp;
			break;
		}
		appendVma(mm, tmp, prev);
		prev = tmp;
		error = copy_page_range(mm, oldmm, mpnt);
	}
	up_write(mm);
	up_write(oldmm);
	return error;
}

/**
 * Makes a task with a copy of the address space.
 *
 * @returns the task; -ENOMEM
 * @source kernel/fork.c:dup_mm() - K
 */
export function fork(m: Machine, parent: task_struct, pid: number): task_struct | errno_t {
	const oldmm = parent.mm!, mm = mm_alloc(m);
	mm.start_brk = oldmm.start_brk;
	mm.brk = oldmm.brk;
	if (dup_mmap(mm, oldmm) !== 0) {
		mmput(mm);
		return because(m, D.fork_nomem, -ENOMEM);
	}
	return addTask(m, pid, mm);
}

/** Makes a task in the same address space. @source kernel/fork.c:copy_mm() with CLONE_VM - K */
export function thread(m: Machine, parent: task_struct, pid: number): task_struct {
	parent.mm!.mm_users++;
	return addTask(m, pid, parent.mm!);
}

export function addTask(m: Machine, pid: number, mm: mm_struct): task_struct {
	const task = new task_struct(pid, mm);
	m.tasks.set(pid, task);
	return task;
}

/** Ends a task. @source kernel/exit.c:exit_mm() - K */
export function do_exit(m: Machine, task: task_struct): void {
	const {mm} = task;
	task.mm = null;
	m.tasks.delete(task.pid);
	if (mm !== null) mmput(mm);
}

/** Ends a task and all that share its address space: what a fatal signal does to the threads of a process. */
export function do_group_exit(m: Machine, task: task_struct): void {
	const {mm} = task;
	for (const other of [...m.tasks.values()]) if (other.mm === mm) do_exit(m, other);
}
