using System.Collections.Immutable;
using System.Text.Json;

namespace JitGrains.Policy.Conditions;

/// <summary>Where a field is looked up.</summary>
internal enum FieldSource
{
    Path,
    Query,
    Headers,
    Body,
    Claims,
    Device,
}

/// <summary>Tests of one field, which must all hold.</summary>
internal sealed record FieldCondition(FieldSource Source, string Name, ImmutableArray<Predicate> Predicates) : Condition
{
    private readonly FieldPath? bodyPath = Source == FieldSource.Body ? FieldPath.Parse(Name) : null;
    private readonly string folded = Source == FieldSource.Query ? LooseText.FoldParameter(Name) : LooseText.FoldHeader(Name);

    public override string Path => $"{KeyOf(Source)}.{Name}";

    public override bool NeedsBody => Source == FieldSource.Body;

    public override bool ReadsAuthorization => Source == FieldSource.Headers && folded == "authorization";

    public override Truth Evaluate(in ConditionContext context, out string? problem)
    {
        var value = Read(context);
        var result = Test(value);
        if (Source == FieldSource.Headers && value is { Kind: FieldKind.Text, Reading: Reading.Loose } && LooseText.IsList(Name, value.Text!))
            result = OfMembers(value.Text!, result);
        problem = result == Truth.Unknown ? value.Problem ?? "its type or form cannot be compared" : null;
        return result;
    }

    public override string ToString() => string.Join(", ", Predicates);

    public static string KeyOf(FieldSource source) => source switch
    {
        FieldSource.Path => "path",
        FieldSource.Query => "query",
        FieldSource.Headers => "headers",
        FieldSource.Body => "body",
        FieldSource.Device => "device.claims",
        _ => "claims",
    };

    private Truth Test(in FieldValue value)
    {
        var result = Truth.True;
        foreach (var predicate in Predicates)
            result = result.And(predicate.Test(value));
        return result;
    }

    // Which member of a list an upstream goes by cannot be told, as with a header that is there twice.
    private Truth OfMembers(string list, Truth whole)
    {
        foreach (var member in list.Split(','))
        {
            if (Test(FieldValue.OfText(member.Trim(' ', '\t'), Reading.Loose)) != whole)
                return Truth.Unknown;
        }

        return whole;
    }

    private FieldValue Read(in ConditionContext context) => Source switch
    {
        FieldSource.Path => ReadCapture(context),
        FieldSource.Query => ReadQuery(context),
        FieldSource.Headers => ReadHeader(context),
        FieldSource.Body => context.Body is null
            ? FieldValue.Unreadable("there is no readable JSON body")
            : bodyPath!.Find(context.Body.Root, context.Strict ? Reading.Exact : Reading.Loose),
        FieldSource.Device => ReadDevice(context),
        _ => ReadClaim(context),
    };

    // The template sees to it that a capture is there, so one that is not is nothing we can judge.
    private FieldValue ReadCapture(in ConditionContext context) =>
        context.Captures is not null && context.Captures.TryGetValue(Name, out var text)
            ? FieldValue.OfText(text, context.Strict ? Reading.Exact : Reading.LoosePath)
            : FieldValue.Unreadable("no such part of the path is known");

    private FieldValue ReadClaim(in ConditionContext context) =>
        context.Caller is null ? FieldValue.Unreadable("no caller is known")
        : context.Caller.Claims.TryGetValue(Name, out var claim) ? FieldValue.OfJson(claim, Reading.Exact)
        : FieldValue.Missing;

    private FieldValue ReadDevice(in ConditionContext context) =>
        context.Caller?.Device is not { } device ? FieldValue.Unreadable("what is said of the device is not known")
        : device.Claims.TryGetValue(Name, out var claim) ? FieldValue.OfJson(claim, Reading.Exact)
        : FieldValue.Missing;

    private FieldValue ReadQuery(in ConditionContext context)
    {
        if (context.Request is null)
            return FieldValue.Unreadable("there is no call yet");
        var found = FieldValue.Missing;
        foreach (var parameter in context.Request.Query)
        {
            if (!context.Strict && LooseText.HidesParameter(parameter.Name, parameter.Value, folded))
                return FieldValue.Unreadable("the parameter may be read out of another one, parted at a semicolon");
            if (parameter.Name != Name && (context.Strict || LooseText.FoldParameter(parameter.Name) != folded))
                continue;
            if (found.Kind != FieldKind.Missing || parameter.Name != Name)
                return FieldValue.Unreadable("the parameter is there more than once, or under a name that may be read as this one");
            found = parameter.Value is null ? FieldValue.Valueless : FieldValue.OfText(parameter.Value, context.Strict ? Reading.Exact : Reading.Loose);
        }

        return found;
    }

    private FieldValue ReadHeader(in ConditionContext context)
    {
        if (context.Request is null)
            return FieldValue.Unreadable("there is no call yet");
        var found = FieldValue.Missing;
        foreach (var header in context.Request.Headers)
        {
            if (header.Name != Name && (context.Strict || LooseText.FoldHeader(header.Name) != folded))
                continue;
            if (found.Kind != FieldKind.Missing || header.Name != Name)
                return FieldValue.Unreadable("the header is there more than once, or under a name that may be read as this one");
            found = FieldValue.OfText(header.Value, context.Strict ? Reading.Exact : Reading.Loose);
        }

        return found;
    }
}

/// <summary>Where a body field is: <c>customer.country</c>, or a JSON Pointer (RFC 6901) <c>/items/0/sku</c>.</summary>
internal sealed class FieldPath
{
    private readonly ImmutableArray<string> names;
    private readonly bool pointer;

    private FieldPath(ImmutableArray<string> names, bool pointer)
    {
        this.names = names;
        this.pointer = pointer;
    }

    /// <summary>Null where the text is neither.</summary>
    public static FieldPath? Parse(string text)
    {
        var isPointer = text.StartsWith('/');
        var parts = isPointer ? text[1..].Split('/') : text.Split('.');
        if (text.Length is 0 or > 256 || parts.Length > 32 || (!isPointer && parts.Any(p => p.Length == 0)))
            return null;
        if (isPointer && parts.Any(p => p.Replace("~0", "", StringComparison.Ordinal).Replace("~1", "", StringComparison.Ordinal).Contains('~', StringComparison.Ordinal)))
            return null;
        return new FieldPath(
            isPointer ? [.. parts.Select(p => p.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))] : [.. parts],
            isPointer);
    }

    public FieldValue Find(JsonElement root, Reading reading)
    {
        var current = root;
        foreach (var name in names)
        {
            if (pointer && current.ValueKind == JsonValueKind.Array)
            {
                if (!int.TryParse(name, System.Globalization.NumberStyles.None, null, out var index))
                    return FieldValue.Unreadable("there is a list where the field's object should be");
                if (index >= current.GetArrayLength())
                    return FieldValue.Missing;
                current = current[index];
                continue;
            }

            if (current.ValueKind != JsonValueKind.Object)
                return FieldValue.Unreadable("there is no object where the field's object should be");
            JsonElement? found = null;
            foreach (var property in current.EnumerateObject())
            {
                var exact = property.NameEquals(name);
                if (!exact && (reading == Reading.Exact || LooseText.Fold(property.Name) != LooseText.Fold(name)))
                    continue;
                if (!exact || found is not null)
                    return FieldValue.Unreadable("there is a field whose name may be read as this one");
                found = property.Value;
            }

            if (found is null)
                return FieldValue.Missing;
            current = found.Value;
        }

        return FieldValue.OfJson(current, reading);
    }
}
