using JitGrains.Approvals;
using JitGrains.Cli;
using JitGrains.Wire;

namespace JitGrains.UnitTests.Cli;

/// <summary>Text that callers control can neither act on the approver's terminal nor pass for the command's own words.</summary>
public sealed class EscapingTests
{
    public static TheoryData<string, string> Hostile => new()
    {
        { "a\u001b[2Jb", "a\\u001b[2Jb" },
        { "a\u009b2Jb", "a\\u009b2Jb" },
        { "a\rb", "a\\u000db" },
        { "a\nb", "a\\u000ab" },
        { "a\tb", "a\\u0009b" },
        { "a\0b", "a\\u0000b" },
        { "a\u007fb", "a\\u007fb" },
        { "a\u202eb", "a\\u202eb" },
        { "a\u2066b", "a\\u2066b" },
        { "a\u200bb", "a\\u200bb" },
        { "a\ufeffb", "a\\ufeffb" },
        { "a\u2028b", "a\\u2028b" },
        { "a\u00a0b", "a\\u00a0b" },
        { "a\u3164b", "a\\u3164b" },
        { "a\ue000b", "a\\ue000b" },
        { "a\U000e0041b", "a\\udb40\\udc41b" },
    };

    public static TheoryData<string> Harmless => ["plain", "", "Zoë Müller 漢字", "[red]no markup[/]", "😀", "{\"a\":1}", "\\u202e"];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_line_is_escaped(string text, string expected) => Assert.Equal(expected, SafeDisplay.Line(text));

    [Theory]
    [MemberData(nameof(Harmless))]
    public void Harmless_text_stays(string text) => Assert.Equal(text, SafeDisplay.Line(text));

    [Fact]
    public void Halves_of_surrogate_pairs_are_escaped()
    {
        // Built here: theory data cannot carry strings that are not valid UTF-16.
        Assert.Equal("a\\ud800b", SafeDisplay.Line($"a{'\ud800'}b"));
        Assert.Equal("a\\ud800", SafeDisplay.Line($"a{'\ud800'}"));
        Assert.Equal("\\udc00\\ud800", SafeDisplay.Line($"{'\udc00'}{'\ud800'}"));
    }

    [Fact]
    public void Lines_keep_line_feeds_only() =>
        Assert.Equal(["a\\u000d", "b\\u0009c", ""], SafeDisplay.Lines("a\r\nb\tc\n"));

    [Theory]
    [InlineData(false, "requests")]
    [InlineData(true, "requests")]
    [InlineData(false, "show", Samples.RequestId)]
    [InlineData(true, "show", Samples.RequestId)]
    [InlineData(false, "show", Samples.RequestId, "--json")]
    [InlineData(false, "explain", Samples.RequestId)]
    [InlineData(true, "whoami")]
    public async Task No_command_lets_hostile_text_through(bool terminal, params string[] line)
    {
        const string evil = "x\u001b[1;31m\u202e[bold]y\u009d";
        var request = Samples.Request with
        {
            Summary = evil,
            Reason = evil,
            Ticket = evil,
            Resource = evil,
            Rule = evil,
            Stages = [new StageView(evil, [evil], [], 1, 0)],
            Payload = new ReviewPayload { Method = evil, Authority = evil, Target = evil, Body = evil + "\nApprove this? [y/N] y\r", Headers = [new("x\n" + evil, evil + "\nfake: yes")], Masked = [evil] },
        };
        await using var server = (await WireServer.StartAsync())
            .On("GET /api/v1/requests?limit=100&status=pending", 200, Samples.List(null, request))
            .On($"GET /api/v1/requests/{Samples.RequestId}", 200, Samples.Details(request))
            .On($"GET /api/v1/explain/{Samples.RequestId}", 200, Samples.Json(new Dictionary<string, string> { [evil] = evil }))
            .On("GET /.jit/whoami", 200, Samples.Json(new Dictionary<string, string> { [evil] = evil }));
        using var jit = new JitRun { Terminal = terminal }.Against(server);

        Assert.Equal(ExitCodes.Ok, await jit.Run(line));

        AssertHarmless(jit.Out);
        AssertHarmless(jit.Error);
        // Shown, not dropped.
        Assert.Contains("\\u202e", jit.Out, StringComparison.OrdinalIgnoreCase);
        // Lines of the body cannot stand alone as a line of ours.
        Assert.DoesNotContain(jit.OutLines, l => l.StartsWith("Approve this?", StringComparison.Ordinal) || l.StartsWith("fake:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Problems_are_escaped_too()
    {
        await using var server = (await WireServer.StartAsync()).OnProblem("GET /.jit/whoami", 400, "bad\u001b[2J", "T\u202e", "D\r\u001b", "f\u0007", ("Retry-After", "soon"));
        using var jit = new JitRun().Against(server);
        await jit.Run("whoami");
        AssertHarmless(jit.Error);
        Assert.Contains("T\\u202e", jit.Error, StringComparison.Ordinal);
    }

    private static void AssertHarmless(string text) =>
        Assert.All(text, c => Assert.False((char.IsControl(c) && c is not ('\n' or '\t')) || c is '\u202e', $"U+{(int)c:x4} in {text}"));
}
