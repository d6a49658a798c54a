using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// Packed grants by their callers' hashes: one array of slots, searched from a place that the hash gives. Finding takes no lock and
/// goes on while others change it; whoever changes it does so alone, which is the owner's affair. What is found may have been taken
/// out meanwhile, which <see cref="GrantsSnapshot.IsDropped"/> tells.
/// </summary>
internal sealed class GrantTable
{
    private const int Fewest = 1_024;

    /// <summary>Where something was taken out: the search goes on.</summary>
    private static readonly byte[] Gone = [];

    private static int numbers;

    /// <summary>No other table of the process has it.</summary>
    private readonly int number = Interlocked.Increment(ref numbers);

    private Slot[] slots = new Slot[Fewest];
    private int taken;
    private int cursor;
    private int count;

    /// <summary>How many are kept.</summary>
    public int Count => Volatile.Read(ref count);

    /// <summary>The caller's, or null where there is none that is current.</summary>
    public byte[]? Find(in CallerHash caller)
    {
        var now = Volatile.Read(ref slots);
        for (var at = (int)caller.A; ; at++)
        {
            ref var slot = ref now[at & (now.Length - 1)];
            var data = Volatile.Read(ref slot.Data);
            if (data is null)
                return null;
            // The hash may be of what comes into the slot or was there before: what counts is in the data.
            if (slot.Hash == caller.A && IsOf(data, caller))
                return GrantsSnapshot.IsDropped(data) ? null : data;
        }
    }

    /// <summary>The same, which is then noted with the caller: nobody has to search for it until it changes.</summary>
    public byte[]? Find(Caller caller)
    {
        // It goes with the caller's key. Whatever is taken out of a table is dropped, so what is noted and is not is there still.
        if (caller.Noted is { } noted && GrantsSnapshot.Head(noted).Table == number && !GrantsSnapshot.IsDropped(noted))
            return noted;
        var found = Find(caller.KeyHash);
        caller.Noted = found;
        caller.NotedSize = found is null ? 0 : GrantsSnapshot.Head(found).Slots;
        return found;
    }

    /// <summary>The caller's grants for a call are about to be looked for: has them on their way from memory meanwhile, where they are noted with it.</summary>
    public static void Expect(Caller caller, ActionMatch.Found match)
    {
        if (caller.Noted is { } noted)
            GrantsSnapshot.FetchAhead(noted, caller.NotedSize, PackedHead.Tag(match.Action.Name, match.Action.Binding, match.Resource));
    }

    /// <summary>Puts these in, in the place of those that are there for the caller.</summary>
    public void Put(in CallerHash caller, byte[] data)
    {
        _ = TakeOut(caller);
        GrantsSnapshot.Head(data).Table = number;
        // Never more than half of the slots, so that a search is short, and ends.
        if ((taken + 1) * 2 > slots.Length)
            MakeAnew();
        Place(slots, caller.A, data);
        taken++;
        count++;
    }

    /// <summary>Takes the caller's out and drops them; null where there are none.</summary>
    public byte[]? TakeOut(in CallerHash caller)
    {
        for (var at = (int)caller.A; slots[at & (slots.Length - 1)].Data is { } data; at++)
        {
            if (IsOf(data, caller))
                return Empty(ref slots[at & (slots.Length - 1)]);
        }

        return null;
    }

    /// <summary>Takes out any one and drops it; null where there is none.</summary>
    public byte[]? TakeOutAny()
    {
        for (var i = 0; i < slots.Length; i++)
        {
            ref var slot = ref slots[cursor++ & (slots.Length - 1)];
            if (slot.Data is { Length: > 0 })
                return Empty(ref slot);
        }

        return null;
    }

    private static bool IsOf(byte[] data, in CallerHash caller) => data.Length > 0 && GrantsSnapshot.Head(data).Caller == caller;

    private byte[] Empty(ref Slot slot)
    {
        count--;
        var data = slot.Data!;
        GrantsSnapshot.Drop(data);
        Volatile.Write(ref slot.Data, Gone);
        return data;
    }

    // Others search the old one until they see this.
    private void MakeAnew()
    {
        var size = Fewest;
        while (size < (count + 1) * 4)
            size *= 2;
        var fresh = new Slot[size];
        foreach (ref var slot in slots.AsSpan())
        {
            if (slot.Data is { Length: > 0 } data)
                Place(fresh, slot.Hash, data);
        }

        taken = count;
        Volatile.Write(ref slots, fresh);
    }

    // Only into slots that nothing was ever in: what is searched for now was not there, or comes after.
    private static void Place(Slot[] into, ulong hash, byte[] data)
    {
        var at = (int)hash;
        while (into[at & (into.Length - 1)].Data is not null)
            at++;
        ref var slot = ref into[at & (into.Length - 1)];
        slot.Hash = hash;
        Volatile.Write(ref slot.Data, data);
    }

    private struct Slot
    {
        public ulong Hash;
        public byte[]? Data;
    }
}
