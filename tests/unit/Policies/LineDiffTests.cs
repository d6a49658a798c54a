using System.Collections.Immutable;
using JitGrains.PolicyVersions;
using JitGrains.Silo.Policies;

namespace JitGrains.UnitTests.Policies;

public sealed class LineDiffTests
{
    [Fact]
    public void Equal_policies_have_no_difference() => Assert.Equal("", LineDiff.Of(One("a\nb\n"), One("a\nb\n")));

    [Fact]
    public void Changes_are_shown_with_their_surroundings() => Assert.Equal(
        """
        --- p.yaml
        +++ p.yaml
        @@ -2,7 +2,7 @@
         2
         3
         4
        -5
        +five
         6
         7
         8

        """,
        LineDiff.Of(One("1\n2\n3\n4\n5\n6\n7\n8\n9\n"), One("1\n2\n3\n4\nfive\n6\n7\n8\n9\n")));

    [Fact]
    public void A_file_that_comes_or_goes_is_shown_whole()
    {
        Assert.Equal("--- (none)\n+++ p.yaml\n@@ -1,0 +1,2 @@\n+a\n+b\n", LineDiff.Of([], One("a\nb\n")));
        Assert.Equal("--- p.yaml\n+++ (none)\n@@ -1,2 +1,0 @@\n-a\n-b\n", LineDiff.Of(One("a\nb\n"), []));
    }

    [Fact]
    public void The_one_file_under_another_name_is_the_same_file() =>
        Assert.Equal("--- a.yaml\n+++ b.yaml\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n", LineDiff.Of([new("a.yaml", "x\ny\n")], [new("b.yaml", "x\nz\n")]));

    // Whatever the two are: what stays and goes is the old one, what stays and comes the new one.
    [Fact]
    public void The_difference_leads_from_one_to_the_other()
    {
        var random = new Random(7);
        for (var round = 0; round < 500; round++)
        {
            var (old, now) = (Lines(random), Lines(random));
            var shown = LineDiff.Of(One(string.Concat(old.Select(l => l + "\n"))), One(string.Concat(now.Select(l => l + "\n"))));
            var body = shown.Split('\n').Skip(2).Where(l => l.Length > 0).ToArray();
            if (old.SequenceEqual(now))
            {
                Assert.Equal("", shown);
                continue;
            }

            Assert.Equal(old, Side(old, body, '-', 1));
            Assert.Equal(now, Side(now, body, '+', 2));
        }
    }

    [Fact]
    public void Two_that_have_nothing_in_common_are_shown_all_the_same()
    {
        var old = string.Concat(Enumerable.Range(0, 3000).Select(i => $"old {i}\n"));
        var now = string.Concat(Enumerable.Range(0, 3000).Select(i => $"new {i}\n"));
        var lines = LineDiff.Of(One(old), One(now)).Split('\n');
        Assert.Equal(3000, lines.Count(l => l.StartsWith("-old", StringComparison.Ordinal)));
        Assert.Equal(3000, lines.Count(l => l.StartsWith("+new", StringComparison.Ordinal)));
    }

    /// <summary>One side of the difference, filled up between hunks from the whole text.</summary>
    private static List<string> Side(string[] whole, string[] body, char mine, int part)
    {
        var side = new List<string>();
        foreach (var line in body)
        {
            if (line.StartsWith("@@", StringComparison.Ordinal))
            {
                var start = int.Parse(line.Split(' ')[part].Split(',')[0][1..]);
                side.AddRange(whole[side.Count..(start - 1)]);
            }
            else if (line[0] == mine || line[0] == ' ')
            {
                side.Add(line[1..]);
            }
        }

        side.AddRange(whole[side.Count..]);
        return side;
    }

    private static string[] Lines(Random random) => [.. Enumerable.Range(0, random.Next(0, 40)).Select(_ => $"{(char)('a' + random.Next(5))}")];

    private static ImmutableArray<PolicyText> One(string text) => text.Length == 0 ? [new("p.yaml", "")] : [new("p.yaml", text)];
}
