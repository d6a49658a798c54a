using System.Diagnostics;
using System.Globalization;

namespace JitGrains.WaysTests.Fuzz;

/// <summary>Sends requests of its own making until the time is up, and shortens what goes wrong to a line for the corpus.</summary>
internal static class FuzzRun
{
    private const int Batch = 250;

    /// <summary>Returns how many requests were read in two ways.</summary>
    public static async Task<int> Go(TimeSpan length, int seed, TextWriter output)
    {
        var corpus = WaysCase.ReadAll();
        var mutator = new Mutator(seed, corpus);
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"seed {seed}, {corpus.Count} requests to begin with"));
        var lanes = await Lane.StartAll();
        var found = new HashSet<string>(StringComparer.Ordinal);
        var began = Stopwatch.GetTimestamp();
        var told = began;
        try
        {
            while (Stopwatch.GetElapsedTime(began) < length)
            {
                var cases = Enumerable.Range(0, Batch).Select(_ => mutator.Next()).ToList();
                var wrong = await Task.WhenAll(lanes.Select(lane => lane.Judge(cases)));
                foreach (var (lane, one) in wrong.SelectMany((w, i) => w.Where(x => x.Case is not null).Select(x => (lanes[i], x.Case!))).DistinctBy(x => x.Item2.Line))
                {
                    var shortest = await Shorten(lane, one);
                    if (!found.Add($"{shortest.File}: {shortest.Line}"))
                        continue;
                    await output.WriteLineAsync($"{shortest.File}: {shortest.Line}");
                    foreach (var what in await lane.Judge([shortest]))
                        await output.WriteLineAsync($"    {what}");
                }

                // What belongs to no request is worst: something was received that nobody sent as one.
                foreach (var what in wrong.SelectMany(w => w).Where(w => w.Case is null))
                {
                    if (found.Add(what.What))
                        await output.WriteLineAsync($"in a batch of {Batch}: {what}");
                }

                if (Stopwatch.GetElapsedTime(told) > TimeSpan.FromSeconds(10))
                {
                    told = Stopwatch.GetTimestamp();
                    await output.WriteLineAsync(string.Create(
                        CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(began):hh\\:mm\\:ss}  {lanes.Sum(l => l.Sent):N0} sent, {lanes.Sum(l => l.Received):N0} received by an upstream, {found.Count} read in two ways"));
                }
            }
        }
        finally
        {
            foreach (var lane in lanes)
                await lane.DisposeAsync();
        }

        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture, $"{lanes.Sum(l => l.Sent)} requests sent, {lanes.Sum(l => l.Received)} received by an upstream, read in two ways: {found.Count}"));
        return found.Count;
    }

    /// <summary>Leaves out what can be left out while it still goes wrong.</summary>
    private static async Task<WaysCase> Shorten(Lane lane, WaysCase one)
    {
        for (var length = Math.Max(1, one.Text.Length / 2); length >= 1; length /= 2)
        {
            // All that are shorter by one piece go as one batch: a judgement takes as long for one as for many.
            var shorter = Enumerable.Range(0, (one.Text.Length / length) + 1).Where(i => i * length < one.Text.Length)
                .Select(i => new WaysCase(one.File, WaysCase.Escape(one.Text.Remove(i * length, Math.Min(length, one.Text.Length - (i * length))))))
                .Where(c => c.IsWhole).ToList();
            if ((await lane.Judge(shorter)).Select(w => w.Case).FirstOrDefault(c => c is not null) is not { } still)
                continue;
            one = still;
            length = Math.Min(length * 2, one.Text.Length);
        }

        return one;
    }
}
