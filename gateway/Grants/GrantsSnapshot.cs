using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.Gateway.Grants;

/// <summary>What all packed grants of a gateway share. Thread-safe.</summary>
internal sealed class GrantMemory
{
    public SharedTexts Texts { get; } = new();

    public TermsMarks Marks { get; } = new();

    public RecentGrants Recent { get; } = new();
}

/// <summary>
/// A caller's active grants as loaded, in the order of their end; good until <see cref="IsCurrent"/> says otherwise. They lie in one
/// array of bytes, and looking through them allocates nothing; one that is to be used is unpacked. Thread-safe.
/// </summary>
internal readonly struct GrantsSnapshot(byte[] data, GrantMemory memory)
{
    /// <summary>How many there are.</summary>
    public int Count => Head(data).Count;

    /// <summary>Whether nothing has changed since as far as this gateway was told. Read it after registering what relies on it.</summary>
    public bool IsCurrent => !IsDropped(data);

    private ReadOnlySpan<byte> Tail => data.AsSpan(Head(data).TailAt);

    /// <summary>The grant, unpacked, without its signature.</summary>
    public Grant this[int place]
    {
        get
        {
            var number = Head(data).Number;
            if (memory.Recent.Find(number, place) is { } known)
                return known;
            var grant = Unpack(place);
            memory.Recent.Keep(number, place, grant);
            return grant;
        }
    }

    /// <summary>All of them, unpacked.</summary>
    public IEnumerable<Grant> All()
    {
        for (var i = 0; i < Count; i++)
            yield return this[i];
    }

    /// <summary>The slot of the first grant with a tag, in the order of their end, or -1.</summary>
    public int First(int tag) => From(PackedHead.FirstSlot(tag, Head(data).Slots), tag);

    /// <summary>The slot of the next one, or -1.</summary>
    public int Next(int slot, int tag) => From(PackedHead.NextSlot(slot, Head(data).Slots), tag);

    /// <summary>The place of the grant in a slot.</summary>
    public int PlaceOf(int slot) => Slot(slot).Place - 1;

    /// <summary>The slot of the grant at a place.</summary>
    public int SlotOf(int place) => Record(place).Slot;

    /// <summary>What was left of it; null for any number.</summary>
    public int? UsesLeft(int slot) => Slot(slot).UsesLeft is var left and not PackedSlot.AnyNumber ? left : null;

    /// <summary>Whether it may be used any number of times.</summary>
    public bool IsUnlimited(int slot) => Slot(slot).Uses == PackedSlot.AnyNumber;

    /// <summary>Whether it is this request's.</summary>
    public bool IsOf(int slot, string request)
    {
        ref var record = ref Record(PlaceOf(slot));
        if (record.RequestId != PackedHead.NoText)
            return PackedReader.Is(Tail, memory.Texts, record.RequestId, request);
        return request.StartsWith("rq_", StringComparison.Ordinal) && PackedReader.Same(PackedReader.Bytes(Tail, record.Id)[3..], request.AsSpan(3));
    }

    /// <summary>Whether it covers a call, and is of this epoch, not used up and not over.</summary>
    public bool Covers(int slot, ActionMatch.Found match, string? payloadDigest, string epoch, DateTimeOffset now)
    {
        ref var record = ref Slot(slot);
        var tail = Tail;
        var texts = memory.Texts;
        return record.Binding == (byte)match.Action.Binding
            && record.UsesLeft is PackedSlot.AnyNumber or > 0
            // Its start is the approval, and it exists only since.
            && now.UtcTicks < record.ExpiresAt
            && PackedReader.Is(tail, texts, record.Action, match.Action.Name)
            && PackedReader.Is(tail, texts, record.Api, match.Api.Name)
            && PackedReader.Is(tail, texts, record.Epoch, epoch)
            && (record.Binding == (byte)BindingKind.Action || PackedReader.Is(tail, texts, record.Resource, match.Resource))
            && (record.Binding != (byte)BindingKind.Payload || (payloadDigest is not null && PackedReader.Is(tail, texts, record.PayloadDigest, payloadDigest)));
    }

    /// <summary>Whether it was revoked by what it has in common with others.</summary>
    public bool IsRevoked(int slot, KnownRestrictions known) => known.MayCover(Slot(slot).NotBefore) && known.IsRevoked(this[PlaceOf(slot)]);

    /// <summary>
    /// Whether one of these grants still stands under the terms of a rule. What each stood under last is remembered, for callers ask
    /// again and again; all who are asked for here are the same caller.
    /// </summary>
    /// <param name="slot">Which of the grants.</param>
    /// <param name="terms">The rule's terms.</param>
    /// <param name="caller">The caller.</param>
    public bool StillStands(int slot, ApprovalTerms terms, Caller caller)
    {
        ref var record = ref Slot(slot);
        // Who else is behind a call differs from call to call, and so may whose votes count: that is not remembered.
        if (!caller.Excluded.IsDefaultOrEmpty)
            return Quorum.StillStands(this[PlaceOf(slot)], terms, caller.Involved);
        var mark = memory.Marks.Of(terms);
        if (Volatile.Read(ref record.StoodUnder) == mark)
            return true;
        if (!Quorum.StillStands(this[PlaceOf(slot)], terms, caller.Involved))
            return false;
        Volatile.Write(ref record.StoodUnder, mark);
        return true;
    }

    /// <summary>The head of packed grants.</summary>
    public static ref PackedHead Head(byte[] data) => ref MemoryMarshal.AsRef<PackedHead>(data.AsSpan());

    /// <summary>Whoever looks from now on sees that something may have changed.</summary>
    public static void Drop(byte[] data) => Volatile.Write(ref Head(data).Dropped, 1);

    public static bool IsDropped(byte[] data) => Volatile.Read(ref Head(data).Dropped) != 0;

    /// <summary>The request that a grant's id tells of, where it is of the usual form.</summary>
    public static string? RequestOf(string grantId) => grantId.StartsWith("gr_", StringComparison.Ordinal) ? string.Concat("rq_", grantId.AsSpan(3)) : null;

    /// <summary>
    /// Has the processor fetch what a search for a tag begins with, and goes on without it. Nothing is read, so what it is told may be out of
    /// date: then it fetches in vain.
    /// </summary>
    /// <param name="data">Packed grants.</param>
    /// <param name="slots">How many slots they have.</param>
    /// <param name="tag">What will be searched for.</param>
    public static unsafe void FetchAhead(byte[] data, int slots, int tag)
    {
        if (!Sse.IsSupported)
            return;
        var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(data));
        // Neither begins where a line of memory does.
        Sse.Prefetch0(start - sizeof(long));
        Sse.Prefetch0(start + (4 * sizeof(int)) - 1);
        var slot = start + PackedHead.SlotAt(PackedHead.FirstSlot(tag, slots));
        Sse.Prefetch0(slot);
        Sse.Prefetch0(slot + sizeof(PackedSlot) - 1);
    }

    private int From(int slot, int tag)
    {
        var slots = Slots();
        for (; slots[slot].Place != 0; slot = PackedHead.NextSlot(slot, slots.Length))
        {
            if (slots[slot].Tag == tag)
                return slot;
        }

        return -1;
    }

    private Span<PackedSlot> Slots() => MemoryMarshal.Cast<byte, PackedSlot>(data.AsSpan(PackedHead.SlotAt(0)))[..Head(data).Slots];

    private ref PackedSlot Slot(int slot) => ref Slots()[slot];

    private ref PackedGrant Record(int place) =>
        ref MemoryMarshal.Cast<byte, PackedGrant>(data.AsSpan(PackedHead.SlotAt(Head(data).Slots), Count * Unsafe.SizeOf<PackedGrant>()))[place];

    private Grant Unpack(int place)
    {
        ref var head = ref Head(data);
        ref var record = ref Record(place);
        ref var slot = ref Slot(record.Slot);
        var tail = Tail;
        var texts = memory.Texts;
        var id = PackedReader.Text(tail, texts, record.Id)!;
        return new Grant
        {
            Id = id,
            RequestId = record.RequestId == PackedHead.NoText ? RequestOf(id)! : PackedReader.Text(tail, texts, record.RequestId)!,
            Principal = new PrincipalId(PackedReader.Text(tail, texts, head.Principal)!),
            Actors = [.. new PackedReader(tail, texts, head.Actors).List().Select(a => new PrincipalId(a))],
            Api = PackedReader.Text(tail, texts, slot.Api)!,
            Action = PackedReader.Text(tail, texts, slot.Action)!,
            Binding = (BindingKind)slot.Binding,
            Resource = PackedReader.Text(tail, texts, slot.Resource),
            PayloadDigest = PackedReader.Text(tail, texts, slot.PayloadDigest),
            NotBefore = PackedReader.At(slot.NotBefore, record.NotBeforeOffset),
            ExpiresAt = PackedReader.At(slot.ExpiresAt, record.ExpiresOffset),
            Uses = slot.Uses == PackedSlot.AnyNumber ? null : slot.Uses,
            Rule = PackedReader.Text(tail, texts, record.Rule)!,
            PolicyVersion = PackedReader.Text(tail, texts, record.PolicyVersion)!,
            Automatic = slot.Automatic != 0,
            Votes = new PackedReader(tail, texts, record.Votes).Votes(),
            Epoch = PackedReader.Text(tail, texts, slot.Epoch),
        };
    }
}
