using System.Collections.Immutable;
using System.Text.RegularExpressions;
using JitGrains.Binding;
using JitGrains.Grants;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Matching;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>An action as read, with where its parts stand.</summary>
internal sealed record BoundAction(ActionDefinition Definition, PathTemplate Template, ConditionSet When, ShapeReader Keys);

/// <summary>Reads actions.</summary>
internal static partial class ActionBinder
{
    private const long MaxBodyLimit = 1L << 30;

    public static BoundAction? Read(string name, Cursor at, string prefix)
    {
        if (at.Shape(PolicyShapes.Action) is not { } keys)
            return null;
        var template = keys["path"] is { } p ? Template(p, prefix) : null;
        var holdCap = TimeSpan.FromSeconds(50);
        var holdDefault = TimeSpan.FromSeconds(20);
        if (keys["hold"] is { } hold)
            (holdDefault, holdCap) = Hold(hold);
        var definition = new ActionDefinition
        {
            Name = name,
            Methods = keys["methods"] is { } m ? m.List(Method) : [],
            Path = template?.Text ?? "/",
            Access = keys["access"]?.Token(),
            Sensitivity = keys["sensitivity"]?.Token(),
            Binding = keys["binding"]?.Word("action", "resource", "payload") switch
            {
                "action" => BindingKind.Action,
                "resource" => BindingKind.Resource,
                _ => BindingKind.Payload,
            },
            UnboundHeaders = keys["unbound_headers"] is { } u ? u.List(HeaderSyntax.Read) : [],
            HoldDefault = holdDefault,
            HoldCap = holdCap,
            BodyLimit = keys["body_limit"] is { } l ? Size(l) ?? 0 : 1024 * 1024,
            Mask = keys["mask"] is { } k ? k.List(Mask) : [],
            Summary = keys["summary"] is { } s ? Summary(s, template) : null,
            EncodedParameter = keys["encoded_parameter"]?.Text(),
            Drain = keys["drain"]?.Boolean() ?? false,
        };
        var when = ConditionBinder.Identity(keys["when"]);
        if (template is null)
            return null;
        var action = new BoundAction(definition, template, when, keys);
        Check(action);
        return action;
    }

    private static PathTemplate? Template(Cursor at, string prefix)
    {
        if (at.Text(PathTemplate.MaxLength) is not { } text)
            return null;
        var template = PathTemplate.Parse(text, out var problem);
        if (template is null)
            return at.Fail<PathTemplate>(problem);
        if (ApiBinder.IsReserved(template))
            return at.Fail<PathTemplate>("/.jit is reserved for the gateway's own endpoints");
        var start = PathTemplate.Parse(prefix, out _)!.Segments;
        var under = template.Segments.Length >= start.Length && start.SequenceEqual(template.Segments.Take(start.Length));
        return under ? template : at.Fail<PathTemplate>($"the path does not begin with the API's prefix {prefix}, so no call could reach it; paths are written whole, from the root");
    }

    private static string? Method(Cursor at)
    {
        var text = at.Text(20);
        if (text is null)
            return null;
        // CONNECT gets as far as policy only as a WebSocket over HTTP/2 (RFC 8441).
        if (text is "TRACE")
            return at.Fail<string>($"{text} is always refused");
        return MethodName().IsMatch(text) ? text : at.Fail<string>($"'{Shown.Text(text)}' is no method; methods are written as sent, in upper case");
    }

    private static (TimeSpan Default, TimeSpan Cap) Hold(Cursor at)
    {
        if (at.Shape(PolicyShapes.Hold) is not { } keys)
            return default;
        var most = TimeSpan.FromMinutes(10);
        var cap = keys["cap"]?.Duration(TimeSpan.Zero, most) ?? TimeSpan.FromSeconds(50);
        var standard = keys["default"] is { } d ? d.Duration(TimeSpan.Zero, most) ?? TimeSpan.Zero : TimeSpan.FromSeconds(20) is var s && s < cap ? s : cap;
        if (standard > cap)
            keys.Near("default").Error($"the default ({Durations.Show(standard)}) is above the cap ({Durations.Show(cap)})");
        if (cap > TimeSpan.FromSeconds(60))
            keys.Near("cap").Warning("many proxies and clients give up after 60s, so a longer hold often ends in an error that is not ours");
        return (standard, cap);
    }

    private static long? Size(Cursor at)
    {
        if (at.Text() is not { } text)
            return null;
        if (Durations.ParseSize(text) is not { } size)
            return at.Fail<long?>($"'{Shown.Text(text)}' is no size: bytes, or a number with KB, MB, GB, KiB, MiB or GiB");
        return size is > 0 and <= MaxBodyLimit ? size : at.Fail<long?>("must be from 1B to 1GiB");
    }

    private static string? Mask(Cursor at)
    {
        if (at.Text(256) is not { } text)
            return null;
        return FieldMask.TryParse(text, out _, out var problem) ? text : at.Fail<string>($"'{Shown.Text(text)}': {problem}");
    }

    private static string? Summary(Cursor at, PathTemplate? template)
    {
        if (at.Text(SummaryTemplate.MaxTemplate) is not { } text)
            return null;
        if (!SummaryTemplate.TryParse(text, out var summary, out var problem))
            return at.Fail<string>(problem);
        foreach (var placeholder in summary.Placeholders.Where(p => p.Root == "path" && template?.Parameters.Contains(p.Name) == false))
            at.Error($"the path has no parameter '{Shown.Text(placeholder.Name)}'{Shown.Suggest(placeholder.Name, template!.Parameters)}");
        return text;
    }

    private static void Check(BoundAction action)
    {
        var (definition, keys) = (action.Definition, action.Keys);
        if (definition.EncodedParameter is { } encoded && !action.Template.Parameters.Contains(encoded))
            keys.Near("encoded_parameter").Error($"the path has no parameter '{Shown.Text(encoded)}'{Shown.Suggest(encoded, action.Template.Parameters)}");
        if (!definition.UnboundHeaders.IsEmpty && definition.Binding != BindingKind.Payload)
            keys.Near("unbound_headers").Warning("only a payload binding binds headers, so this does nothing");
        if (definition.Binding == BindingKind.Resource && action.Template.Parameters.IsEmpty)
            keys.Near("binding").Warning("the path captures nothing, so a resource binding pins no more than an action binding");
    }

    [GeneratedRegex(@"\A[A-Z][A-Z-]{0,19}\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MethodName();
}
