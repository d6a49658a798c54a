using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// How a caller's grants lie in one array of bytes: this head, a tag for each grant, a record for each grant, and then what is of
/// no fixed length. A text is a place there, or where many grants have it the complement of its number among the shared ones.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PackedHead
{
    /// <summary>What stands for a text that is not there.</summary>
    public const int NoText = int.MinValue;

    /// <summary>Whose they are; where the search for a caller ends, so it comes first.</summary>
    public CallerHash Caller;

    /// <summary>Not 0 once something may have changed since.</summary>
    public int Dropped;

    /// <summary>How many grants.</summary>
    public int Count;

    /// <summary>This array's number; no other has it.</summary>
    public long Number;

    /// <summary>Where what is of no fixed length begins.</summary>
    public int TailAt;

    /// <summary>The subject's name.</summary>
    public int Principal;

    /// <summary>Where the actors' names are listed, in the tail.</summary>
    public int Actors;

    /// <summary>The number of the table that it was put into, or 0.</summary>
    public int Table;

    /// <summary>
    /// What grants and calls are compared by first: equal where action and binding are, and where it is bound the resource. That of two
    /// others may be equal too.
    /// </summary>
    public static int Tag(string action, BindingKind binding, string? resource) =>
        (action.GetHashCode(StringComparison.Ordinal) * 31) + (int)binding + (binding == BindingKind.Action ? 0 : resource?.GetHashCode(StringComparison.Ordinal) * 17 ?? 0);

    /// <summary>Where the records begin: at a multiple of eight.</summary>
    public static int RecordsAt(int count) => (Unsafe.SizeOf<PackedHead>() + (count * sizeof(int)) + 7) & ~7;
}

/// <summary>A grant's part of fixed length; what is looked at for each call comes first.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PackedGrant
{
    /// <summary>What stands for any number of uses.</summary>
    public const int AnyNumber = int.MinValue;

    /// <summary>The mark of the terms that it stood under last, or 0.</summary>
    public long StoodUnder;

    /// <summary>Its end, in ticks of UTC.</summary>
    public long ExpiresAt;

    /// <summary>Its start, in ticks of UTC.</summary>
    public long NotBefore;

    public int UsesLeft;
    public int Api;
    public int Action;
    public int Resource;
    public int PayloadDigest;
    public int Epoch;
    public byte Binding;
    public byte Automatic;

    /// <summary>The offsets of the two times, in minutes.</summary>
    public short ExpiresOffset;

    public short NotBeforeOffset;
    public short Unused;
    public int Uses;
    public int Id;

    /// <summary>Its request's id; not there where it says the same as the grant's own.</summary>
    public int RequestId;

    public int Rule;
    public int PolicyVersion;

    /// <summary>Where its votes are, in the tail.</summary>
    public int Votes;
}
