using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// How a caller's grants lie in one array of bytes: this head, slots with what is looked at for each call, a record for each grant with
/// the rest, and then what is of no fixed length. A text is a place there, or where many grants have it the complement of its number
/// among the shared ones. Which slots a call's grants are in follows from its action and resource: so they can be fetched without
/// the head being read before, and a decision waits for memory once, not twice.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PackedHead
{
    /// <summary>What stands for a text that is not there.</summary>
    public const int NoText = int.MinValue;

    /// <summary>Not 0 once something may have changed since. This and the next three are read for each call, and lie together.</summary>
    public int Dropped;

    /// <summary>The number of the table that it was put into, or 0.</summary>
    public int Table;

    /// <summary>How many slots: more than grants, so that each search ends.</summary>
    public int Slots;

    /// <summary>Where what is of no fixed length begins.</summary>
    public int TailAt;

    /// <summary>Whose they are; where the search for a caller ends.</summary>
    public CallerHash Caller;

    /// <summary>This array's number; no other has it.</summary>
    public long Number;

    /// <summary>How many grants.</summary>
    public int Count;

    /// <summary>The subject's name.</summary>
    public int Principal;

    /// <summary>Where the actors' names are listed, in the tail.</summary>
    public int Actors;

    public int Unused;

    /// <summary>
    /// What grants and calls are compared by first: equal where action and binding are, and where it is bound the resource. That of two
    /// others may be equal too.
    /// </summary>
    public static int Tag(string action, BindingKind binding, string? resource) =>
        (action.GetHashCode(StringComparison.Ordinal) * 31) + (int)binding + (binding == BindingKind.Action ? 0 : resource?.GetHashCode(StringComparison.Ordinal) * 17 ?? 0);

    /// <summary>How many slots there are for so many grants: half as many again, so that few are sought in vain.</summary>
    public static int SlotsFor(int count) => count + (count / 2) + 1;

    /// <summary>The slot that the search for a tag begins at, and goes on from to the first empty one.</summary>
    public static int FirstSlot(int tag, int slots) => (int)(((ulong)((uint)tag * 2_654_435_769u) * (uint)slots) >> 32);

    /// <summary>The one that it goes on with: after the last comes the first.</summary>
    public static int NextSlot(int slot, int slots) => slot + 1 == slots ? 0 : slot + 1;

    /// <summary>Where a slot lies.</summary>
    public static int SlotAt(int slot) => Unsafe.SizeOf<PackedHead>() + (slot * Unsafe.SizeOf<PackedSlot>());
}

/// <summary>What is looked at of a grant for each call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PackedSlot
{
    /// <summary>What stands for any number of uses.</summary>
    public const int AnyNumber = int.MinValue;

    /// <summary>The mark of the terms that it stood under last, or 0.</summary>
    public long StoodUnder;

    /// <summary>Its end, in ticks of UTC.</summary>
    public long ExpiresAt;

    /// <summary>Its start, in ticks of UTC.</summary>
    public long NotBefore;

    public int Tag;

    /// <summary>Its place among the caller's grants, counted from 1; 0 where the slot is empty.</summary>
    public int Place;

    public int UsesLeft;
    public int Uses;
    public int Api;
    public int Action;
    public int Resource;
    public int PayloadDigest;
    public int Epoch;
    public byte Binding;
    public byte Automatic;
}

/// <summary>The rest of a grant's part of fixed length, in the order of the view.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PackedGrant
{
    /// <summary>Where what comes before is.</summary>
    public int Slot;

    public int Id;

    /// <summary>Its request's id; not there where it says the same as the grant's own.</summary>
    public int RequestId;

    public int Rule;
    public int PolicyVersion;

    /// <summary>Where its votes are, in the tail.</summary>
    public int Votes;

    /// <summary>The offsets of the two times, in minutes.</summary>
    public short ExpiresOffset;

    public short NotBeforeOffset;
}
