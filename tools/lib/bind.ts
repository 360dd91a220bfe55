import type {Machine, NameKeeper} from '../../include/linux/machine.ts';
import {PG_named} from '../../include/linux/mm.ts';

/** The names of one kind of object, in both directions. */
class Names {
	private readonly objects = new Map<number, number>();
	private readonly names = new Map<number, number>();

	/** The object that a name is bound to; undefined if to none that lives. */
	objectOf(name: number): number | undefined {
		return this.objects.get(name);
	}

	/** The name that an object has; undefined if it has none. */
	nameOf(object: number): number | undefined {
		return this.names.get(object);
	}

	bind(name: number, object: number): void {
		this.forget(this.objects.get(name));
		this.forget(object);
		this.objects.set(name, object);
		this.names.set(object, name);
	}

	/** The object is dead, so its name may be given again. */
	forget(object: number | undefined): void {
		if (object === undefined) return;
		const name = this.names.get(object);
		this.names.delete(object);
		if (name !== undefined) this.objects.delete(name);
	}
}

/** What a recording names: frames, swap slots and anon_vmas. */
export type Kind = 'pfn' | 'entry' | 'anon_vma';

/**
 * Binds the numbers of a recording to objects of the model. The first time a name meets an object, the two belong together; while the object lives, the name
 * must keep meeting it, and no other name may.
 */
export class Bindings implements NameKeeper {
	private readonly machine: Machine;
	private readonly kinds = {pfn: new Names(), entry: new Names(), anon_vma: new Names()};

	constructor(machine: Machine) {
		this.machine = machine;
		machine.names = this;
	}

	frameDied(frame: number): void {
		this.kinds.pfn.forget(frame);
	}

	slotDied(slot: number): void {
		this.kinds.entry.forget(slot);
	}

	anonVmaDied(id: number): void {
		this.kinds.anon_vma.forget(id);
	}

	nameOf(kind: Kind, object: number): number | undefined {
		return this.kinds[kind].nameOf(object);
	}

	objectOf(kind: Kind, name: number): number | undefined {
		return this.kinds[kind].objectOf(name);
	}

	/** A name meets an object. @returns false if either belongs to another; they stay as they are then */
	meet(kind: Kind, name: number, object: number): boolean {
		const names = this.kinds[kind], bound = names.objectOf(name);
		if (bound === object) return true;
		if (bound !== undefined || names.nameOf(object) !== undefined) return false;
		this.bind(kind, name, object);
		return true;
	}

	/** Binds anew, whatever either was bound to. */
	bind(kind: Kind, name: number, object: number): void {
		this.kinds[kind].bind(name, object);
		this.markNamed(kind, object);
	}

	/** Whoever frees the object looks at the mark, so that objects without a name cost nothing. */
	private markNamed(kind: Kind, object: number): void {
		const m = this.machine;
		if (kind === 'pfn') m.mem_map.flags[object]! |= PG_named;
		else if (kind === 'entry') m.swap.named[object] = 1;
		else m.anon_vmas.get(object)!.named = true;
	}
}
