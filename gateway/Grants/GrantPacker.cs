using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Gateway.Grants;

/// <summary>Puts a caller's grants into one array of bytes (<see cref="PackedHead"/>), without their signatures, which were checked. For one array.</summary>
internal sealed class GrantPacker(SharedTexts texts)
{
    /// <summary>What cannot be read back as it was is an error: nothing may come to mean something else.</summary>
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static long numbers;

    private readonly ArrayBufferWriter<byte> tail = new();
    private readonly Dictionary<string, int> placed = new(StringComparer.Ordinal);

    /// <param name="caller">Whose they are.</param>
    /// <param name="genuine">All of this caller's, their signatures checked, in the order in which they are to be tried.</param>
    public byte[] Pack(in CallerHash caller, IReadOnlyList<ActiveGrant> genuine)
    {
        var count = genuine.Count;
        var slots = new PackedSlot[PackedHead.SlotsFor(count)];
        var recordsAt = PackedHead.SlotAt(slots.Length);
        var records = new PackedGrant[count];
        for (var i = 0; i < count; i++)
        {
            // The first of those with one tag is found first: a search meets them in the order in which they came.
            var slot = Slot(genuine[i].Grant, genuine[i].UsesLeft, i + 1);
            var at = PackedHead.FirstSlot(slot.Tag, slots.Length);
            while (slots[at].Place != 0)
                at = PackedHead.NextSlot(at, slots.Length);
            slots[at] = slot;
            records[i] = Record(genuine[i].Grant, at);
        }

        var head = new PackedHead
        {
            Caller = caller,
            Count = count,
            Slots = slots.Length,
            Number = Interlocked.Increment(ref numbers),
            TailAt = recordsAt + (count * Unsafe.SizeOf<PackedGrant>()),
            Principal = count == 0 ? PackedHead.NoText : Own(genuine[0].Grant.Principal.Value),
            Actors = count == 0 ? 0 : List([.. genuine[0].Grant.Actors.Select(a => Own(a.Value))]),
        };
        var data = new byte[head.TailAt + tail.WrittenCount];
        MemoryMarshal.Write(data, head);
        MemoryMarshal.AsBytes(slots.AsSpan()).CopyTo(data.AsSpan(PackedHead.SlotAt(0)));
        MemoryMarshal.AsBytes(records.AsSpan()).CopyTo(data.AsSpan(recordsAt));
        tail.WrittenSpan.CopyTo(data.AsSpan(head.TailAt));
        return data;
    }

    private PackedSlot Slot(Grant grant, int? usesLeft, int place) => new()
    {
        Tag = PackedHead.Tag(grant.Action, grant.Binding, grant.Resource),
        Place = place,
        ExpiresAt = grant.ExpiresAt.UtcTicks,
        NotBefore = grant.NotBefore.UtcTicks,
        UsesLeft = usesLeft ?? PackedSlot.AnyNumber,
        Uses = grant.Uses ?? PackedSlot.AnyNumber,
        Api = Shared(grant.Api),
        Action = Shared(grant.Action),
        Resource = Own(grant.Resource),
        PayloadDigest = Own(grant.PayloadDigest),
        Epoch = Shared(grant.Epoch),
        Binding = (byte)grant.Binding,
        Automatic = grant.Automatic ? (byte)1 : (byte)0,
    };

    private PackedGrant Record(Grant grant, int slot) => new()
    {
        Slot = slot,
        ExpiresOffset = (short)grant.ExpiresAt.TotalOffsetMinutes,
        NotBeforeOffset = (short)grant.NotBefore.TotalOffsetMinutes,
        Id = Own(grant.Id),
        RequestId = GrantsSnapshot.RequestOf(grant.Id) == grant.RequestId ? PackedHead.NoText : Own(grant.RequestId),
        Rule = Shared(grant.Rule),
        PolicyVersion = Shared(grant.PolicyVersion),
        Votes = Votes(grant.Votes),
    };

    private int Votes(ImmutableArray<RecordedVote> votes)
    {
        // What the votes refer to comes before them.
        var packed = votes.IsDefaultOrEmpty ? [] : votes.Select(v => (
            Vote: v,
            Approver: Shared(v.Approver.Value),
            Comment: Own(v.Comment),
            Groups: List(v.Groups.IsDefaultOrEmpty ? [] : [.. v.Groups.Select(Shared)]),
            Acr: Shared(v.SignIn?.Acr),
            Amr: List(v.SignIn is not { Amr.IsDefaultOrEmpty: false } known ? [] : [.. known.Amr.Select(Shared)]))).ToArray();
        var at = tail.WrittenCount;
        Number(packed.Length);
        foreach (var (vote, approver, comment, groups, acr, amr) in packed)
        {
            Number(approver);
            Number((int)vote.Decision);
            Time(vote.At);
            Number(comment);
            Number(groups);
            Number(vote.SignIn is null ? 0 : vote.SignIn.At is null ? 1 : 2);
            if (vote.SignIn is null)
                continue;
            Number(acr);
            Number(amr);
            if (vote.SignIn.At is { } signedIn)
                Time(signedIn);
        }

        return at;
    }

    private int List(int[] numbers)
    {
        var at = tail.WrittenCount;
        Number(numbers.Length);
        foreach (var number in numbers)
            Number(number);
        return at;
    }

    private int Shared(string? text) => text is not null && texts.TryNumber(text, out var number) ? ~number : Own(text);

    private int Own(string? text)
    {
        if (text is null)
            return PackedHead.NoText;
        if (placed.TryGetValue(text, out var at))
            return at;
        placed[text] = at = tail.WrittenCount;
        var length = Strict.GetByteCount(text);
        Number(length);
        Strict.GetBytes(text, tail.GetSpan(length));
        tail.Advance(length);
        return at;
    }

    private void Time(DateTimeOffset time)
    {
        BinaryPrimitives.WriteInt64LittleEndian(tail.GetSpan(sizeof(long)), time.UtcTicks);
        tail.Advance(sizeof(long));
        Number((int)time.TotalOffsetMinutes);
    }

    private void Number(int number)
    {
        BinaryPrimitives.WriteInt32LittleEndian(tail.GetSpan(sizeof(int)), number);
        tail.Advance(sizeof(int));
    }
}
