namespace JitGrains.Simulation.Machine;

/// <summary>Random numbers that are the same for the same seed, on every machine and runtime (SplitMix64). Not thread-safe.</summary>
internal sealed class Dice(ulong seed)
{
    private ulong state = seed;

    /// <summary>How often it was thrown: where two runs part, it differs.</summary>
    public long Throws { get; private set; }

    public ulong Next()
    {
        Throws++;
        state += 0x9E3779B97F4A7C15UL;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    /// <summary>From 0 up to, and without, this.</summary>
    public int Below(int count) => (int)(Next() % (ulong)count);

    /// <summary>From the one to the other, both included.</summary>
    public int Between(int from, int to) => from + Below(to - from + 1);

    public TimeSpan Between(TimeSpan from, TimeSpan to) => from + TimeSpan.FromTicks((long)(Next() % (ulong)((to - from).Ticks + 1)));

    /// <summary>True this often.</summary>
    public bool Chance(double share) => Next() / (double)ulong.MaxValue < share;

    public T Of<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];

    /// <summary>Dice of their own, so that what is drawn for one purpose does not move what is drawn for another.</summary>
    public Dice Fork() => new(Next());
}
