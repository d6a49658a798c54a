using System.Collections.Immutable;

namespace JitGrains.Limits;

/// <summary>
/// What one call has taken from limits. Limits that are taken together are taken all or none; whatever may end the call,
/// <see cref="Release"/> gives back what lasts only as long as it does, once. Not thread-safe, but for the limits
/// themselves; it is used again for other calls, so taking allocates nothing.
/// </summary>
public sealed class LimitTakes
{
    private Entry[] entries = new Entry[8];
    private int count;
    private bool paused;

    /// <summary>Whether the caller is to be told how much is left.</summary>
    public bool HasNews { get; private set; }

    /// <summary>Takes one unit of each limit that is about the call, or none.</summary>
    /// <param name="limits">The limits; those that are not about the caller or the API are left out.</param>
    /// <param name="call">The call.</param>
    /// <param name="now">The time, in fine ticks.</param>
    /// <param name="refused">Each limit that has no room, with how long that lasts; null where all was taken.</param>
    public bool TryTake(ReadOnlySpan<LiveLimit> limits, in LimitedCall call, long now, out ImmutableArray<LimitStanding> refused)
    {
        var before = count;
        foreach (var limit in limits)
        {
            if (!Counts(limit, call) || TryTake(limit, call, now))
                continue;
            GiveBackFrom(before);
            refused = Refusing(limits, call, now);
            return false;
        }

        refused = default;
        return true;
    }

    /// <summary>Gives back all that was taken since there were so many takes.</summary>
    public void GiveBackFrom(int mark)
    {
        while (count > mark)
        {
            ref var entry = ref entries[--count];
            if (entry.Taken)
                entry.Limit.Table.GiveBack(entry.Take);
            entry = default;
        }
    }

    /// <summary>How many takes there are.</summary>
    public int Count => count;

    /// <summary>The call is held: what is for running calls is given back for as long.</summary>
    public void Pause()
    {
        paused = true;
        foreach (ref var entry in entries.AsSpan(0, count))
        {
            if (!entry.Taken || !entry.PausesWhileHeld)
                continue;
            entry.Limit.Table.GiveBack(entry.Take);
            entry.Taken = false;
        }
    }

    /// <summary>The call goes on: takes again what <see cref="Pause"/> gave back, all or none.</summary>
    public bool TryResume(long now, out ImmutableArray<LimitStanding> refused)
    {
        refused = default;
        if (!paused)
            return true;
        foreach (ref var entry in entries.AsSpan(0, count))
        {
            if (entry.Taken)
                continue;
            if (!(entry.Taken = entry.Limit.Table.TryTake(entry.Take.Key, now, out entry.Take, out _)))
            {
                refused = [Standing(entry.Limit, entry.Take.Key, now)];
                Pause();
                return false;
            }
        }

        paused = false;
        return true;
    }

    /// <summary>How it stands with the limits of which the caller is to be told.</summary>
    public IReadOnlyList<LimitStanding> News(long now)
    {
        var news = new List<LimitStanding>();
        foreach (var entry in entries.AsSpan(0, count))
        {
            if (entry.IsNews)
                news.Add(Standing(entry.Limit, entry.Take.Key, now) with { Remaining = entry.Remaining });
        }

        return news;
    }

    /// <summary>The call is over: gives back its places among those at the same time, and forgets the rest.</summary>
    public void Release()
    {
        foreach (ref var entry in entries.AsSpan(0, count))
        {
            if (entry.Taken && entry.Limit.Definition.Terms.Algorithm == LimitAlgorithm.Concurrent)
                entry.Limit.Table.GiveBack(entry.Take);
        }

        entries.AsSpan(0, count).Clear();
        (count, paused, HasNews) = (0, false, false);
    }

    private static bool Counts(LiveLimit limit, in LimitedCall call) =>
        limit.Policy.IsAboutApi(call.Api)
        && (call.Caller is null || limit.Policy.IsAbout(call.Caller))
        // Limits of calls are chosen by their action before they come here.
        && (limit.Definition.Counts == LimitSubject.Calls || call.Action is null || limit.Policy.IsAboutAction(call.Action));

    private static LimitStanding Standing(LiveLimit limit, ulong key, long now)
    {
        var (remaining, wait) = limit.Table.Look(key, now);
        return new LimitStanding(limit, remaining, MeterTerms.TimeOf(wait));
    }

    /// <summary>Which of the limits have no room for the call; allocates nothing where all have.</summary>
    internal static ImmutableArray<LimitStanding> Refusing(ReadOnlySpan<LiveLimit> limits, in LimitedCall call, long now)
    {
        var refusing = ImmutableArray<LimitStanding>.Empty;
        foreach (var limit in limits)
        {
            if (!Counts(limit, call))
                continue;
            if (limit.Definition.Groups.IsEmpty)
                Add(Standing(limit, limit.KeyOf(call, null), now));
            foreach (var group in limit.Definition.Groups)
            {
                if (call.Caller?.Groups.Contains(group) == true)
                    Add(Standing(limit, limit.KeyOf(call, group), now));
            }
        }

        return refusing;

        void Add(LimitStanding standing)
        {
            if (standing.Remaining == 0)
                refusing = refusing.Add(standing);
        }
    }

    private bool TryTake(LiveLimit limit, in LimitedCall call, long now)
    {
        if (limit.Definition.Groups.IsEmpty)
            return TryTake(limit, limit.KeyOf(call, null), now);
        foreach (var group in limit.Definition.Groups)
        {
            if (call.Caller?.Groups.Contains(group) == true && !TryTake(limit, limit.KeyOf(call, group), now))
                return false;
        }

        return true;
    }

    private bool TryTake(LiveLimit limit, ulong key, long now)
    {
        if (!limit.Table.TryTake(key, now, out var taken, out var remaining))
            return false;
        if (count == entries.Length)
            Array.Resize(ref entries, count * 2);
        var news = limit.Definition.Headers switch
        {
            LimitHeaders.Always => true,
            LimitHeaders.Refused => false,
            _ => remaining < limit.Definition.Terms.Most / 5,
        };
        HasNews |= news;
        entries[count++] = new Entry
        {
            Limit = limit,
            Take = taken,
            Remaining = remaining,
            Taken = true,
            IsNews = news,
            PausesWhileHeld = limit.Definition is { Terms.Algorithm: LimitAlgorithm.Concurrent, CountsHeld: false },
        };
        return true;
    }

    private struct Entry
    {
        public LiveLimit Limit;
        public Taken Take;
        public int Remaining;
        public bool Taken;
        public bool IsNews;
        public bool PausesWhileHeld;
    }
}
