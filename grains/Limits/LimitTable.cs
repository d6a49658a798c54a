using System.Numerics;
using System.Runtime.InteropServices;

namespace JitGrains.Limits;

/// <summary>A take from a limit's table: what giving it back needs.</summary>
/// <param name="Key">Whose it is.</param>
/// <param name="Place">Where it is counted.</param>
/// <param name="At">When it was taken, in fine ticks.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Taken(ulong Key, int Place, long At);

/// <summary>The counts of one limit. Thread-safe; allocates nothing after it was made.</summary>
internal abstract class LimitTable
{
    /// <summary>A table for a limit.</summary>
    /// <param name="terms">The limit's numbers.</param>
    /// <param name="capacity">How many keys it can tell apart; rounded up to a power of two.</param>
    public static LimitTable For(LimitTerms terms, int capacity) => terms.Algorithm switch
    {
        LimitAlgorithm.Bucket => new LimitTable<BucketMeter>(terms, capacity),
        LimitAlgorithm.Window => new LimitTable<WindowMeter>(terms, capacity),
        _ => new LimitTable<ConcurrencyMeter>(terms, capacity),
    };

    /// <summary>Takes one unit.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="now">The time in fine ticks.</param>
    /// <param name="taken">What was taken.</param>
    /// <param name="remaining">How many are left.</param>
    public abstract bool TryTake(ulong key, long now, out Taken taken, out int remaining);

    /// <summary>Takes a take back. At most once for each.</summary>
    public abstract void GiveBack(in Taken taken);

    /// <summary>How many takes there were; those given back count too.</summary>
    public abstract long Admitted { get; }

    /// <summary>How often it was asked.</summary>
    public abstract long Asked { get; }

    /// <summary>How many parts of the limit are given away here.</summary>
    public abstract int Held { get; }

    /// <summary>Gives away so many parts of the limit from now on. What was taken stays taken.</summary>
    /// <param name="parts">How many.</param>
    /// <param name="now">The time in fine ticks.</param>
    /// <param name="until">For how long, in fine ticks. It ends with the first take after, whoever is late to say so.</param>
    /// <param name="thereafter">How many from then on.</param>
    public abstract void Hold(int parts, long now, long until = long.MaxValue, int thereafter = 0);

    /// <summary>How many parts are used up by the key that has used most.</summary>
    public abstract int InUse(long now);

    /// <summary>How many units a key has left, and how long until one can be taken, in fine ticks.</summary>
    public abstract (int Remaining, long Wait) Look(ulong key, long now);
}

/// <summary>
/// Sets of eight places each. A key's count is kept in its set; one that is like new gives its place up, one that is not
/// never does. A key that finds no place is counted together with all others that find none in its set. So whoever floods
/// the table with fresh keys gets less for each of them, never more, and nobody's count is reset by it.
/// </summary>
internal sealed class LimitTable<TMeter> : LimitTable
    where TMeter : struct, IMeter<TMeter>
{
    private const int Ways = 8;
    private const int MostShards = 64;

    private readonly LimitTerms limit;
    private readonly Shard[] shards;
    private readonly int setsInShard;
    private int held;
    private int thereafter;

    public LimitTable(LimitTerms limit, int capacity)
    {
        this.limit = limit;
        held = limit.Parts;
        var sets = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, capacity / Ways));
        shards = new Shard[Math.Min(sets, MostShards)];
        setsInShard = sets / shards.Length;
        for (var i = 0; i < shards.Length; i++)
            shards[i] = new Shard(setsInShard) { Parts = held, Terms = new MeterTerms(limit, held) };
    }

    public override long Admitted => shards.Sum(s => Volatile.Read(ref s.Admitted));

    public override long Asked => shards.Sum(s => Volatile.Read(ref s.Asked));

    public override int Held => Volatile.Read(ref held);

    public override void Hold(int parts, long now, long until = long.MaxValue, int thereafter = 0)
    {
        Volatile.Write(ref this.thereafter, thereafter);
        foreach (var shard in shards)
        {
            lock (shard.Gate)
            {
                Change(shard, parts, now);
                shard.Until = until;
            }
        }

        Volatile.Write(ref held, parts);
    }

    public override int InUse(long now)
    {
        var most = 0;
        foreach (var shard in shards)
        {
            lock (shard.Gate)
            {
                foreach (ref var meter in shard.Meters.AsSpan())
                    most = Math.Max(most, TMeter.Used(ref meter, shard.Terms, now));
                foreach (ref var meter in shard.Others.AsSpan())
                    most = Math.Max(most, TMeter.Used(ref meter, shard.Terms, now));
            }
        }

        return (int)((((long)most * limit.Parts) + limit.Most - 1) / limit.Most);
    }

    public override bool TryTake(ulong key, long now, out Taken taken, out int remaining)
    {
        key |= 1;
        var shard = ShardOf(key);
        lock (shard.Gate)
        {
            if (now >= shard.Until)
                Change(shard, Volatile.Read(ref thereafter), now);
            ref readonly var terms = ref shard.Terms;
            shard.Asked++;
            var place = Place(shard, key, now);
            ref var meter = ref At(shard, key, place);
            taken = new Taken(key, place, now);
            if (TMeter.TryTake(ref meter, terms, now, 1))
            {
                shard.Admitted++;
                remaining = TMeter.Remaining(ref meter, terms, now);
                return true;
            }

            remaining = 0;
            return false;
        }
    }

    public override void GiveBack(in Taken taken)
    {
        var shard = ShardOf(taken.Key);
        lock (shard.Gate)
        {
            // The place is another's where the take had long ceased to count.
            if (taken.Place < 0 || shard.Keys[taken.Place] == taken.Key)
                TMeter.GiveBack(ref At(shard, taken.Key, taken.Place), shard.Terms, taken.At, 1);
        }
    }

    public override (int Remaining, long Wait) Look(ulong key, long now)
    {
        key |= 1;
        var shard = ShardOf(key);
        lock (shard.Gate)
        {
            ref readonly var terms = ref shard.Terms;
            ref var meter = ref At(shard, key, Place(shard, key, now));
            return (TMeter.Remaining(ref meter, terms, now), TMeter.Wait(ref meter, terms, now, 1));
        }
    }

    private void Change(Shard shard, int parts, long now)
    {
        shard.Until = long.MaxValue;
        if (shard.Parts == parts)
            return;
        var terms = new MeterTerms(limit, parts);
        foreach (ref var meter in shard.Meters.AsSpan())
            TMeter.Rescale(ref meter, shard.Terms, terms, now);
        foreach (ref var meter in shard.Others.AsSpan())
            TMeter.Rescale(ref meter, shard.Terms, terms, now);
        (shard.Parts, shard.Terms) = (parts, terms);
    }

    /// <summary>The key's place in the shard, or -1 for the one that all without a place share.</summary>
    private int Place(Shard shard, ulong key, long now)
    {
        ref readonly var terms = ref shard.Terms;
        var first = SetOf(key) * Ways;
        var free = -1;
        for (var place = first; place < first + Ways; place++)
        {
            if (shard.Keys[place] == key)
                return place;
            if (free < 0 && (shard.Keys[place] == 0 || TMeter.IsFresh(ref shard.Meters[place], terms, now)))
                free = place;
        }

        if (free >= 0)
        {
            shard.Keys[free] = key;
            shard.Meters[free] = default;
        }

        return free;
    }

    private ref TMeter At(Shard shard, ulong key, int place) => ref place < 0 ? ref shard.Others[SetOf(key)] : ref shard.Meters[place];

    private Shard ShardOf(ulong key) => shards[(int)(key >> 32) & (shards.Length - 1)];

    private int SetOf(ulong key) => (int)(key >> 40) & (setsInShard - 1);

    private sealed class Shard(int sets)
    {
        public readonly Lock Gate = new();
        public readonly ulong[] Keys = new ulong[sets * Ways];
        public readonly TMeter[] Meters = new TMeter[sets * Ways];
        public readonly TMeter[] Others = new TMeter[sets];
        public long Admitted;
        public long Asked;
        public long Until = long.MaxValue;
        public int Parts;
        public MeterTerms Terms;
    }
}
