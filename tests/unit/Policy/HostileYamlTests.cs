using System.Text;
using JitGrains.Policy;
using JitGrains.Policy.Yaml;

namespace JitGrains.UnitTests.Policy;

/// <summary>Files that nobody writes in good faith: refused in a sentence, without taking time or memory.</summary>
public class HostileYamlTests
{
    public static TheoryData<string, string, string> Files()
    {
        var laughs = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 10; i++)
            laughs.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        return new TheoryData<string, string, string>
        {
            { "nothing", "", "the file is empty" },
            { "only a comment", "# x\n", "the file is empty" },
            { "a list", "- a\n", "a mapping with the keys version" },
            { "text", "hello", "a mapping with the keys version" },
            { "a billion laughs", laughs.ToString(), "aliases written out" },
            { "an alias to itself", "a: &a [*a]\n", "the alias *a has no anchor before it" },
            { "an unknown alias", "a: *b\n", "the alias *b has no anchor before it" },
            { "a deep list", new string('[', 2000), "nested more than" },
            { "deep mappings", string.Concat(Enumerable.Repeat("{a: ", 2000)), "nested more than" },
            { "many values", "a: [" + string.Join(",", Enumerable.Repeat("x", YamlFileReader.MaxNodes)) + "]", "more than" },
            { "a large file", new string('#', YamlFileReader.MaxCharacters + 1), "larger than" },
            { "tabs", "version: 1\napis:\n\ta: 1\n", "not readable as YAML" },
            { "an open quote", "version: \"1\n", "not readable as YAML" },
            { "two documents", "version: 1\n---\nversion: 1\n", "one YAML document" },
            { "a tag", "version: !!int 1\n", "tags (!) are not supported" },
            { "a type to create", "version: !System.Uri x\n", "tags (!) are not supported" },
            { "a merge key", "a: &a {x: 1}\nb: {<<: *a}\n", "merge keys" },
            { "a list as a key", "? [a]\n: b\n", "a key is text, not a list" },
            { "the same key in quotes", "version: 1\n\"version\": 1\n", "the key 'version' is here twice" },
            { "a bidirectional override", "version: 1 # \u202E\n", "U+202E" },
            { "a zero width space", "vers\u200Bion: 1\n", "U+200B" },
            { "a control character", "version: 1 # \u0007\n", "U+0007" },
            { "a line separator", "version: 1 #\u2028realm: x\n", "U+2028" },
            { "an escaped control character", "version: 1\nrealm: \"a\\u0007\"\n", "holds a control, format or unassigned character" },
            { "a lone surrogate", "version: 1\nrealm: a\uD800b\n", "realm" },
        };
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Is_refused_with_a_place_and_a_reason(string what, string text, string reason)
    {
        var result = Given.Load(text);
        Assert.True(result.Problems.Any(p => p.ToString().Contains(reason, StringComparison.Ordinal)), $"{what}: {string.Join('\n', result.Problems)}");
        Assert.Null(result.Policy);
        Assert.All(result.Problems, p => Assert.True(p.Line >= 1 && p.Column >= 1));
        Assert.True(result.Problems.Length <= ProblemSink.Most + 1);
    }

    [Fact]
    public void Ten_thousand_mistakes_are_not_ten_thousand_messages()
    {
        var text = new StringBuilder("version: 1\n");
        for (var i = 0; i < 10_000; i++)
            text.Append($"k{i}: x\n");
        var result = Given.Load(text.ToString());
        Assert.Equal(ProblemSink.Most + 1, result.Problems.Length);
    }

    [Fact]
    public void Errors_beyond_the_last_message_still_count()
    {
        var text = new StringBuilder("version: 1\napis:\n  a:\n    upstreams: [\"http://x\"]\n    actions:\n");
        for (var i = 0; i < 300; i++)
            text.Append($"      a{i}: {{methods: [GET], path: /a{i}}}\n");
        text.Append("rules:\n- {name: bad name, who: {anyone: true}, actions: {names: [a1]}, effect: allow}\n");
        var result = Given.Load(text.ToString());
        Assert.Null(result.Policy);
    }

    [Fact]
    public void Any_cut_of_a_good_file_is_read_without_a_throw()
    {
        var good = UnitTests.Policy.Files.Read("gateway/quickstart/policy.yaml");
        for (var length = 0; length < good.Length; length += 7)
            Assert.NotNull(Given.Load(good[..length]));
    }

    [Fact]
    public void Any_damage_to_a_good_file_is_read_without_a_throw()
    {
        var good = UnitTests.Policy.Files.Read("gateway/quickstart/policy.yaml");
        var random = new Random(4);
        const string Damage = "{}[]:,-#&*!|>'\"%@`\t\n \0?~<\\x0";
        for (var round = 0; round < 400; round++)
        {
            var text = new StringBuilder(good);
            for (var i = 0; i < 3; i++)
                text[random.Next(text.Length)] = Damage[random.Next(Damage.Length)];
            var result = Given.Load(text.ToString());
            Assert.Equal(result.Policy is null, result.Problems.Any(p => p.Severity == PolicyProblemSeverity.Error));
        }
    }

    [Fact]
    public void An_alias_may_stand_for_a_whole_value_and_a_byte_order_mark_at_the_start()
    {
        var policy = Given.Policy("\uFEFF" + """
            version: 1
            apis:
              a:
                upstreams: &up ["http://127.0.0.1:1"]
                prefix: /a
                actions: {a.read: {methods: [GET], path: /a}}
              b:
                upstreams: *up
                prefix: /b
                actions: {b.read: {methods: [GET], path: /b}}
            """);
        Assert.Equal(policy.Apis[0].Upstreams.Single(), policy.Apis[1].Upstreams.Single());
    }
}
