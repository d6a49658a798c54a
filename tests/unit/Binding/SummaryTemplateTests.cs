using System.Text;
using JitGrains.Binding;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Binding;

public class SummaryTemplateTests
{
    private const string Body = """
        {"amount":12.50,"to":"bob","card":{"number":"4111","brand":"x"},"tags":["a"],"ok":true,"none":null,"evil":"a\u202eb\nc","empty":""}
        """;

    private static SummaryInput Input(params string[] mask) => new()
    {
        Principal = new PrincipalId("dev:user:alice"),
        Action = Calls.Action(mask),
        Resource = "order=42",
        Captures = new PathCaptures(["order"], ["42"]),
        Request = Calls.Post("/orders/42/refunds?x=1&y=1&y=2&z&t=s3cret", "X-Key: k1", "Cookie: s3cret", "X-Two: 1", "X-Two: 2"),
        Body = JsonBody.TryRead("application/json", null, Encoding.UTF8.GetBytes(Body)),
    };

    private static string Render(string template, SummaryInput input)
    {
        Assert.True(SummaryTemplate.TryParse(template, out var parsed, out var problem), problem);
        return parsed.Render(input);
    }

    [Theory]
    [InlineData("no placeholder", "no placeholder")]
    [InlineData("", "")]
    [InlineData("{principal} wants {action} on {resource}.", "dev:user:alice wants orders.refund on order=42.")]
    [InlineData("{{{path.order}}}", "{42}")]
    [InlineData("{path.other}", "?")]
    [InlineData("{query.x}{query.y}{query.z}{query.w}", "1???")]
    [InlineData("{header.x-key} {header.X-KEY} {header.x-two} {header.none}", "k1 k1 ? ?")]
    [InlineData("{header.cookie}", "•••")]
    [InlineData("{body.amount} to {body.to}", "12.50 to bob")]
    [InlineData("{body.card.brand} {body.card} {body.tags} {body.ok} {body.none}", "x {…} […] true null")]
    [InlineData("{body.nothing} {body.card.nothing} {body.to.deeper} {body.tags.x} {body.TO}", "? ? ? ? ?")]
    [InlineData("{body.evil}", "a\\u202Eb\\u000Ac")]
    [InlineData("{body.empty}!", "!")]
    public void Placeholders_show_their_values(string template, string expected) => Assert.Equal(expected, Render(template, Input()));

    [Theory]
    [InlineData("{body.card.number}", "body.card.number", "•••")]
    [InlineData("{body.card.number}", "body.card", "•••")]
    [InlineData("{body.card.number}", "body.*", "•••")]
    [InlineData("{body.card.number}", "body", "•••")]
    [InlineData("{body.card.number}", "body.CARD.Number", "•••")]
    [InlineData("{body.card.brand}", "body.card.number", "x")]
    [InlineData("{body.card}", "body.card.number", "{…}")]
    [InlineData("{body.to}", "body.to.iban", "•••")]
    [InlineData("{query.t}", "query.t", "•••")]
    [InlineData("{query.t}", "query", "•••")]
    [InlineData("{query.x}", "query.t", "1")]
    [InlineData("{header.x-key}", "header.x-key", "•••")]
    public void Masked_values_show_as_the_mask(string template, string mask, string expected) => Assert.Equal(expected, Render(template, Input(mask)));

    [Fact]
    public void What_is_not_known_ahead_of_a_call_shows_as_a_question_mark() =>
        Assert.Equal("? ? ? ?", Render("{query.x} {header.x-key} {body.to} {resource}", Input() with { Request = null, Body = null, Resource = "" }));

    [Fact]
    public void Long_values_are_cut()
    {
        var input = Input() with { Resource = new string('a', 99) + "😀" };
        Assert.Equal(new string('a', 99) + "…", Render("{resource}", input));
        Assert.Equal(new string('b', 100), Render("{resource}", input with { Resource = new string('b', 100) }));
    }

    [Fact]
    public void An_action_without_a_template_has_a_plain_sentence()
    {
        Assert.Equal("dev:user:alice asks for orders.refund on order=42", SummaryTemplate.Describe(Input()));
        Assert.Equal("dev:user:alice asks for orders.refund", SummaryTemplate.Describe(Input() with { Resource = "" }));
        Assert.Equal("refund 12.50", SummaryTemplate.Describe(Input() with { Action = Calls.Action() with { Summary = "refund {body.amount}" } }));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("}")]
    [InlineData("a {principal")]
    [InlineData("a principal}")]
    [InlineData("{a{principal}}")]
    [InlineData("{}")]
    [InlineData("{ principal }")]
    [InlineData("{who}")]
    [InlineData("{principal.name}")]
    [InlineData("{path}")]
    [InlineData("{path.}")]
    [InlineData("{body..a}")]
    [InlineData("{body.a.}")]
    [InlineData("{Body.a}")]
    public void A_broken_template_has_a_problem(string template)
    {
        Assert.False(SummaryTemplate.TryParse(template, out _, out var problem));
        Assert.NotEmpty(problem);
    }

    [Fact]
    public void A_template_has_at_most_500_characters() =>
        Assert.Equal([true, false], new[] { 500, 501 }.Select(n => SummaryTemplate.TryParse(new string('a', n), out _, out _)));

    [Fact]
    public void The_validator_sees_the_placeholders()
    {
        Assert.True(SummaryTemplate.TryParse("{principal}: {path.order}, {body.a.b}", out var template, out _));
        Assert.Equal([new("principal", ""), new("path", "order"), new("body", "a.b")], template.Placeholders);
    }
}
