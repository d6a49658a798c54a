using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Simulation.Machine;

/// <summary>Everything that happened, in order: the digest always, the lines where they are wanted.</summary>
internal sealed class History(World world)
{
    private readonly IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<string> lines = [];

    /// <summary>Whether the lines are kept too.</summary>
    public bool Keeps { get; set; }

    public IReadOnlyList<string> Lines => lines;

    public int Count { get; private set; }

    public void Add(string who, string what)
    {
        var line = $"{world.Now.TotalSeconds,11:F6} {who,-8} {what}";
        Count++;
        digest.AppendData(Encoding.UTF8.GetBytes(line));
        digest.AppendData("\n"u8);
        if (Keeps)
            lines.Add(line);
    }

    /// <summary>For whoever reads the lines only: what a process logged.</summary>
    public void Note(string who, string what)
    {
        if (Keeps)
            lines.Add($"{world.Now.TotalSeconds,11:F6} {who,-8}   | {what}");
    }

    /// <summary>Of all that happened up to now, the number of steps and of throws of the dice included.</summary>
    public string Digest()
    {
        var ends = Encoding.UTF8.GetBytes($"{world.Steps} {world.Dice.Throws} {world.Now.Ticks}");
        using var copy = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        copy.AppendData(digest.GetCurrentHash());
        copy.AppendData(ends);
        return Convert.ToHexString(copy.GetCurrentHash()).ToLowerInvariant();
    }
}
