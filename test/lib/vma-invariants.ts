import {_PAGE_RW} from '../../arch/x86/pgtable.ts';
import type {Machine} from '../../include/linux/machine.ts';
import {vm_get_page_prot, vma_flags, vma_pages, vma_test, VM_LOCKED, VM_SHARED, VM_SOFTDIRTY} from '../../include/linux/mm.ts';
import type {mm_struct, vm_area_struct} from '../../include/linux/mm_types.ts';
import type {anon_vma, anon_vma_chain} from '../../include/linux/rmap.ts';
import {broken, hex} from './broken.ts';

// What holds of vmas, of what they are counted in, and of their anon_vmas. No page table is looked at.

/** Looks at the vmas of one machine again and again. */
export class VmaInspector {
	private readonly m: Machine;
	/** The living vmas at this look, and the links that they have to anon_vmas. */
	private readonly living = new Set<vm_area_struct>();
	private links = 0;
	/** By anon_vma: how many references it must have. */
	private references = new Int32Array(64);
	/** By file: how many mappings have it. */
	private readonly mappings = new Map<number, number>();

	constructor(m: Machine) {
		this.m = m;
	}

	/** @throws BrokenInvariant */
	check(): void {
		this.living.clear();
		this.mappings.clear();
		this.links = 0;
		for (const mm of this.m.mms) this.checkVmas(mm);
		this.checkTasks();
		this.checkAnonVmas();
		this.checkFiles();
	}

	/** List, tree and counters agree, and the vmas are in order. */
	private checkVmas(mm: mm_struct): void {
		const {TASK_SIZE, PAGE_SIZE} = mm.arch;
		let prev: vm_area_struct | null = null, count = 0, total = 0, locked = 0;
		for (let vma = mm.mmap; vma !== null; prev = vma, vma = vma.vm_next) {
			const {vm_start: start, vm_end: end} = vma;
			if (++count > mm.map_count) broken('vma list', `there are more vmas than map_count, ${mm.map_count}`);
			if (vma.vm_mm !== mm) broken('vma list', `the vma at ${hex(start)} belongs to another address space`);
			if (vma.vm_prev !== prev) broken('vma list', `vm_prev of the vma at ${hex(start)} is not the one before it`);
			if (start >= end || start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0) broken('vma list', `a vma from ${hex(start)} to ${hex(end)}`);
			if (start < (prev === null ? 0 : prev.vm_end)) broken('vma list', `the vma at ${hex(start)} begins in the one before it`);
			if (end > TASK_SIZE) broken('vma list', `the vma at ${hex(start)} ends at ${hex(end)}`);
			if (mm.mm_rb.floor(start) !== vma) broken('vma list', `the vma at ${hex(start)} is not in the tree`);
			total += vma_pages(vma);
			if (vma_test(vma, VM_LOCKED)) locked += vma_pages(vma);
			this.checkVma(mm, vma);
			this.checkChain(vma);
			this.living.add(vma);
		}
		if (count !== mm.map_count || count !== mm.mm_rb.length) broken('vma list', `${count} vmas, map_count ${mm.map_count}, ${mm.mm_rb.length} in the tree`);
		for (const cached of [mm.mmap_cache, mm.mmap_cache_second]) {
			if (cached !== null && (cached.vm_mm !== mm || !this.living.has(cached))) broken('vma list', 'a vma that was found last is not one of them');
		}
		if (mm.total_vm !== total) broken('total_vm', `is ${mm.total_vm}, the vmas have ${total} pages`);
		if (mm.locked_vm !== locked) broken('locked_vm', `is ${mm.locked_vm}, the mlocked vmas have ${locked} pages`);
		if (mm.mmap_sem_write) broken('locks', 'the mmap_sem is held for writing');
	}

	private checkVma(mm: mm_struct, vma: vm_area_struct): void {
		const flags = vma_flags(vma), {vm_start: start} = vma, shared = vma_test(vma, VM_SHARED);
		// a shared mapping whose file wants to know of the first write does not let entries be writable at once
		const differs = vma.vm_page_prot ^ vm_get_page_prot(mm, flags);
		if ((shared ? differs & ~_PAGE_RW : differs) !== 0) broken('vma', `vm_page_prot at ${hex(start)} is not that of its flags`);
		if (vma_test(vma, VM_SOFTDIRTY) !== mm.rev.soft_dirty) broken('vma', `the one at ${hex(start)} is ${mm.rev.soft_dirty ? 'not ' : ''}soft-dirty`);
		if (vma.vm_pgoff < 0 || !Number.isInteger(vma.vm_pgoff)) broken('vma', `vm_pgoff at ${hex(start)} is ${vma.vm_pgoff}`);
		if ((vma.vm_file === null) !== (vma.vm_ops === null)) broken('vma', `the one at ${hex(start)} has vm_file or vm_ops alone`);
		if (vma.vm_file !== null) return void this.mappings.set(vma.vm_file.id, (this.mappings.get(vma.vm_file.id) ?? 0) + 1);
		if (shared) broken('vma', `the one at ${hex(start)} is shared and has no file`);
		if (vma.anon_vma === null && vma.vm_pgoff !== vma.vm_start / mm.arch.PAGE_SIZE) broken('vma', `vm_pgoff at ${hex(start)} is ${vma.vm_pgoff}, and no page is there`);
	}

	private checkTasks(): void {
		const {m} = this;
		let users = 0;
		for (const mm of m.mms) {
			let tasks = 0;
			for (const task of m.tasks.values()) if (task.mm === mm) tasks++;
			if (tasks === 0 || mm.mm_users !== tasks) broken('tasks', `mm_users is ${mm.mm_users}, ${tasks} tasks have the address space`);
			users += tasks;
		}
		if (users !== m.tasks.size) broken('tasks', `${m.tasks.size - users} of ${m.tasks.size} have no living address space`);
	}

	/** Descriptors and mappings hold a file. */
	private checkFiles(): void {
		const {files, fds} = this.m;
		if (files.size === 0 && this.mappings.size === 0) return;
		for (const id of this.mappings.keys()) if (!files.has(id)) broken('files', `file ${id} is mapped and gone`);
		for (const [id, file] of files) {
			let holders = this.mappings.get(id) ?? 0;
			for (const open of fds.values()) if (open === file) holders++;
			if (file.f_count !== holders || holders === 0) broken('files', `f_count of file ${id} is ${file.f_count}, ${holders} hold it`);
		}
	}

	/** From a vma to its anon_vmas: the newest link is its own, all have one root, none comes twice. */
	private checkChain(vma: vm_area_struct): void {
		const {anon_vma_chain: chain, anon_vma: own, vm_start: start} = vma;
		if (chain.length === 0) {
			if (own !== null) broken('anon_vma chain', `of the vma at ${hex(start)} is empty, and it has an anon_vma`);
			return;
		}
		if (own === null) broken('anon_vma chain', `the vma at ${hex(start)} has one and no anon_vma`);
		if (chain[chain.length - 1]!.anon_vma !== own) broken('anon_vma chain', `the newest link of the vma at ${hex(start)} is not to its own anon_vma`);
		for (let i = 0; i < chain.length; i++) {
			const avc = chain[i]!;
			if (avc.vma !== vma) broken('anon_vma chain', `of the vma at ${hex(start)} has another one's link`);
			if (avc.anon_vma.root !== own.root) broken('anon_vma chain', `of the vma at ${hex(start)} has two roots`);
			for (let j = 0; j < i; j++) if (chain[j]!.anon_vma === avc.anon_vma) broken('anon_vma chain', `of the vma at ${hex(start)} has an anon_vma twice`);
		}
		this.links += chain.length;
	}

	/** From the anon_vmas to their vmas: exactly the links of the living ones. */
	private checkAnonVmas(): void {
		const {anon_vmas} = this.m;
		let links = 0;
		for (const [id, av] of anon_vmas) {
			if (av.id !== id) broken('anon_vma tree', `anon_vma ${av.id} is kept as ${id}`);
			if (anon_vmas.get(av.root.id) !== av.root) broken('anon_vma refcount', `the root of anon_vma ${id} is dead`);
			links += this.checkTree(av);
		}
		if (links !== this.links) broken('anon_vma tree', `the living vmas have ${this.links} links, the trees of the living anon_vmas ${links}`);
		this.checkReferences();
	}

	/** Each link stands where the vm_pgoff of its vma says. @returns how many there are */
	private checkTree(av: anon_vma): number {
		let links = 0, before: anon_vma_chain | null = null;
		av.rb_root.forEachIn(-Infinity, Infinity, avc => {
			const {vma} = avc;
			links++;
			if (avc.anon_vma !== av || !vma.anon_vma_chain.includes(avc)) broken('anon_vma tree', `of anon_vma ${av.id} has a link that its vma does not have`);
			if (!this.living.has(vma)) broken('anon_vma tree', `of anon_vma ${av.id} has a vma at ${hex(vma.vm_start)} that is gone`);
			if (avc.pgoff !== vma.vm_pgoff) broken('anon_vma tree', `of anon_vma ${av.id} has a vma under ${avc.pgoff} whose vm_pgoff is ${vma.vm_pgoff}`);
			if (avc === before || (before !== null && before.pgoff > avc.pgoff)) broken('anon_vma tree', `of anon_vma ${av.id} is not in order`);
			if (vma_pages(vma) > av.longest) broken('anon_vma tree', `of anon_vma ${av.id} has a longer vma than ${av.longest} pages`);
			before = avc;
			return true;
		});
		if (links !== av.rb_root.length) broken('anon_vma tree', `of anon_vma ${av.id} has ${av.rb_root.length} links, a walk finds ${links}`);
		return links;
	}

	/** One reference while there are vmas, and a root has one more for each living descendant. */
	private checkReferences(): void {
		const {anon_vmas, next_anon_vma} = this.m;
		if (this.references.length < next_anon_vma) this.references = new Int32Array(next_anon_vma * 2);
		const {references} = this;
		for (const [id, av] of anon_vmas) references[id] = av.rb_root.length !== 0 ? 1 : 0;
		for (const av of anon_vmas.values()) if (av.root !== av) references[av.root.id]!++;
		for (const [id, av] of anon_vmas) {
			const right = references[id]!;
			if (av.refcount !== right || right === 0) broken('anon_vma refcount', `of anon_vma ${id} is ${av.refcount}, and ${right} hold it`);
		}
	}
}
